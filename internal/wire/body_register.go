package wire

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"

	"ringmq/internal/fastjson"
)

// RegisterBrokerBody is what a broker registers: its topics, and filter servers, of which 4.9 brokers have none.
//
// Brokers may send it compressed, a zlib stream over
//
//	┌───────┬──────────────────┬───────┬──────────────────────────┬───────┬────────────────────┐
//	│ n i32 │ DataVersion JSON │ k i32 │ k × (n i32, topic text)  │ n i32 │ filter server JSON │
//	└───────┴──────────────────┴───────┴──────────────────────────┴───────┴────────────────────┘
//
// in big-endian, where a topic's text is "name readQueues writeQueues perm SINGLE_TAG" with single spaces. Its
// topicSysFlag and order are lost on the way, as in TopicConfig.encode. See [RegisterBrokerBody.EncodeCompressed].
type RegisterBrokerBody struct {
	TopicConfigSerializeWrapper TopicConfigSerializeWrapper `json:"topicConfigSerializeWrapper"`
	FilterServerList            []string                    `json:"filterServerList"`
}

// maxInflated bounds a decompressed registration, by what the plain form may have at most.
const maxInflated = MaxFrame

// BodyCRC32 is the checksum that REGISTER_BROKER carries of the body as it is sent; 0 means unchecked.
func BodyCRC32(body []byte) int32 { return int32(crc32.ChecksumIEEE(body) & 0x7fffffff) }

// EncodeCompressed returns the compressed form.
func (b *RegisterBrokerBody) EncodeCompressed() ([]byte, error) {
	version, err := fastjson.Marshal(b.TopicConfigSerializeWrapper.DataVersion)
	if err != nil {
		return nil, err
	}
	servers := b.FilterServerList
	if servers == nil {
		servers = []string{}
	}
	filters, err := fastjson.Marshal(servers)
	if err != nil {
		return nil, err
	}
	topics := b.TopicConfigSerializeWrapper.TopicConfigTable
	plain := appendBlock(nil, version)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(topics)))
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		plain = appendBlock(plain, topics[name].appendText(nil))
	}
	plain = appendBlock(plain, filters)

	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func appendBlock(dst, block []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(block)))
	return append(dst, block...)
}

// appendText appends the topic as Java's TopicConfig.encode writes it.
func (c *TopicConfig) appendText(dst []byte) []byte {
	dst = append(dst, c.TopicName...)
	for _, n := range []int32{c.ReadQueueNums, c.WriteQueueNums, c.Perm} {
		dst = strconv.AppendInt(append(dst, ' '), int64(n), 10)
	}
	return append(append(dst, ' '), c.TopicFilterType...)
}

// parseText is the reverse of appendText; like TopicConfig.decode it wants exactly five words.
func (c *TopicConfig) parseText(text []byte) error {
	words := bytes.Split(text, []byte{' '})
	if len(words) != 5 {
		return fmt.Errorf("registration: the topic %q has %d words instead of 5", text[:min(len(text), 64)], len(words))
	}
	c.TopicName, c.TopicFilterType = string(words[0]), string(words[4])
	for i, n := range []*int32{&c.ReadQueueNums, &c.WriteQueueNums, &c.Perm} {
		v, ok := parseInt32(words[i+1])
		if !ok {
			return fmt.Errorf("registration: the topic %q has a number %q", words[0], words[i+1])
		}
		*n = v
	}
	return nil
}

// DecodeCompressed reads the compressed form. It fails before it inflates to more than 16 MiB.
func (b *RegisterBrokerBody) DecodeCompressed(body []byte) error {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("registration: the body is not compressed: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	if err != nil {
		return fmt.Errorf("registration: the body does not decompress: %w", err)
	}
	if len(plain) > maxInflated {
		return fmt.Errorf("registration: the body decompresses to more than %d bytes", maxInflated)
	}
	return b.decodePlain(plain)
}

func (b *RegisterBrokerBody) decodePlain(plain []byte) error {
	*b = RegisterBrokerBody{}
	wrapper := &b.TopicConfigSerializeWrapper
	version, plain, ok := cutText32(plain)
	if !ok || len(plain) < 4 {
		return errShortRegistration
	}
	if err := fastjson.Unmarshal(version, &wrapper.DataVersion); err != nil {
		return fmt.Errorf("registration: data version: %w", err)
	}
	count := binary.BigEndian.Uint32(plain)
	plain = plain[4:]
	// The count is not believed: the table grows with the topics that are there.
	wrapper.TopicConfigTable = map[string]*TopicConfig{}
	for range count {
		var text []byte
		if text, plain, ok = cutText32(plain); !ok {
			return errShortRegistration
		}
		c := new(TopicConfig)
		if err := c.parseText(text); err != nil {
			return err
		}
		wrapper.TopicConfigTable[c.TopicName] = c
	}
	filters, _, ok := cutText32(plain)
	if !ok {
		return errShortRegistration
	}
	if err := fastjson.Unmarshal(filters, &b.FilterServerList); err != nil {
		return fmt.Errorf("registration: filter servers: %w", err)
	}
	return nil
}

var errShortRegistration = errors.New("registration: the body is shorter than its own lengths say")
