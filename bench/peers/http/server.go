// Says hello on the unix socket that is named by the first argument.

package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	hello := func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/plain")
		io.WriteString(response, "Hello from net/http")
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(hello)))
}
