package wire
type decodable interface{ Decode(Ext) error }
type shortNames struct{ *SendMessageRequest }
func (s shortNames) Decode(e Ext) error { return s.DecodeV2(e) }
