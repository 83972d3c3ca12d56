// Package abort makes what ends a Go program end it with a signal.  Its exit code
// would be 2, at which nginx starts no worker in place of the one that ended.
//
// A function's main package imports it second: that holds for its packages, too.
package abort

import "runtime/debug"

func init() {
	debug.SetTraceback("crash")
}
