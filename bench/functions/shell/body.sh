#!/bin/sh

exec wc -c
