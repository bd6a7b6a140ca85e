package admin

import "fmt"

// VersionName is RocketMQ's name of a version number (MQVersion). From 4.0.0 on the numbers
// go by two for each patch and by twenty for each minor release; what is below has its number only.
func VersionName(v int32) string {
	const v400, step, v599 = 213, 20, 611
	switch {
	case v > v599:
		return "HIGHER_VERSION"
	case v < v400-1:
		return fmt.Sprintf("V3 (%d)", v)
	}
	n := v - v400 + 1 // even: snapshot, odd: release
	name := fmt.Sprintf("V%d_%d_%d", 4+n/(10*step), n/step%10, n/2%10)
	if n%2 == 0 {
		return name + "_SNAPSHOT"
	}
	return name
}
