module fnworker

go 1.19

require (
	fnruntime v0.0.0
	github.com/nuclio/logger v0.0.0
	github.com/nuclio/nuclio-sdk-go v0.0.0
)

replace (
	fnruntime => ../fnruntime
	github.com/nuclio/logger => ../nuclio/logger
	github.com/nuclio/nuclio-sdk-go => ../nuclio/nuclio-sdk-go
)
