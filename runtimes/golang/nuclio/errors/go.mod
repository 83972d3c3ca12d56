module github.com/nuclio/errors

go 1.19
