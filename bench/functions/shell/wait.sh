#!/bin/sh

sleep 0.010
printf "waited"
