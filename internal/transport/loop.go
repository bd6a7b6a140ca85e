package transport

type loop struct{}
