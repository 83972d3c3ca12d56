module github.com/nuclio/nuclio-sdk-go

go 1.19

require github.com/nuclio/logger v0.0.0

replace github.com/nuclio/logger => ../logger
