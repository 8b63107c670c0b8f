#!/bin/sh
echo "greeting @VERSION@: hello"
