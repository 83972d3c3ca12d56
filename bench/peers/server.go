// The workloads on the unix socket that is named by the first argument.

package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func send(response http.ResponseWriter, kind string, body []byte) {
	response.Header().Set("Content-Type", kind)
	response.Write(body)
}

func hello(response http.ResponseWriter, request *http.Request) {
	send(response, "text/plain", []byte("Hello, world"))
}

func echo(response http.ResponseWriter, request *http.Request) {
	var value interface{}
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(body, &value)
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	answer, _ := json.Marshal(value)
	send(response, "application/json", answer)
}

func body(response http.ResponseWriter, request *http.Request) {
	all, _ := io.ReadAll(request.Body)
	send(response, "text/plain", []byte(strconv.Itoa(len(all))))
}

func wait(response http.ResponseWriter, request *http.Request) {
	time.Sleep(10 * time.Millisecond)
	send(response, "text/plain", []byte("waited"))
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/hello", hello)
	http.HandleFunc("/json", echo)
	http.HandleFunc("/body", body)
	http.HandleFunc("/wait", wait)
	log.Fatal(http.Serve(listener, nil))
}
