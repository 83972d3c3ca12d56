#!/bin/sh

printf "Hello, world"
