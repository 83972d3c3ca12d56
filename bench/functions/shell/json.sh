#!/bin/sh

exec jq -c .
