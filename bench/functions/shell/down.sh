#!/bin/sh
# gives a long body

head -c 104857600 /dev/zero
