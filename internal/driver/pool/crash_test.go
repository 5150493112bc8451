package pool_test

func crashChild() string   { return "" }
func runCrashChild(string) {}
