#!/bin/sh

printf 'Hello from sh\n'
