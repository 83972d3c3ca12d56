#!/bin/sh
# takes a long body

wc -c
