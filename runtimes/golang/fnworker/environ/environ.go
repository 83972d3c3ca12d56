// Package environ makes the environment of the process that of the function.  A
// function's main package imports it first: what the packages of the function read
// when they are initialized is theirs.
//
// It has no other imports, so that no package of the function comes before.
package environ

// #include "environ.h"
import "C"

import (
	"syscall"
	"unsafe"
)

func init() {
	syscall.Clearenv()
	for vars := C.fn_environ_wait(); *vars != nil; vars = next(vars) {
		set(C.GoString(*vars))
	}
}

func next(vars **C.char) **C.char {
	return (**C.char)(unsafe.Add(unsafe.Pointer(vars), unsafe.Sizeof(*vars)))
}

func set(variable string) {
	for i := 1; i < len(variable); i++ {
		if variable[i] == '=' {
			syscall.Setenv(variable[:i], variable[i+1:])
			return
		}
	}
}
