#!/bin/sh
# says hello

printf 'Hello from shell'
