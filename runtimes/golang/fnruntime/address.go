package fnruntime

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// parseAddress reads unix:PATH or HOST:PORT; HOST is an address, "localhost", or
// nothing: any.
func parseAddress(address string) (syscall.Sockaddr, int, error) {
	if strings.HasPrefix(address, "unix:") {
		return &syscall.SockaddrUnix{Name: address[len("unix:"):]}, syscall.AF_UNIX, nil
	}
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return nil, 0, fmt.Errorf("invalid address %q", address)
	}
	host := strings.Trim(address[:i], "[]")
	switch host {
	case "":
		host = "0.0.0.0"
	case "localhost":
		host = "127.0.0.1"
	}
	port, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("invalid port in address %q", address)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, 0, fmt.Errorf("invalid host in address %q, which must be numeric", address)
	}
	if ip.Is4() {
		return &syscall.SockaddrInet4{Port: int(port), Addr: ip.As4()}, syscall.AF_INET, nil
	}
	return &syscall.SockaddrInet6{Port: int(port), Addr: ip.As16()}, syscall.AF_INET6, nil
}
