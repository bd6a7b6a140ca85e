package filter

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Bloom places a group's filter of a topic in a bitmap (BloomFilter): each has a few bits, so few
// that in a bitmap with the expected number of filters a share of maxErrorRateOfBloomFilter percent
// is there by accident.
type Bloom struct {
	hashes int // k: bits per filter
	bits   int // m: bits of a bitmap
}

// NewBloom returns the shape for an error rate in percent and a number of filters.
func NewBloom(errorPercent, filters int) (Bloom, error) {
	if errorPercent < 1 || errorPercent > 99 {
		return Bloom{}, fmt.Errorf("maxErrorRateOfBloomFilter=%d is not from 1 to 99", errorPercent)
	}
	if filters < 1 || filters > 1<<20 {
		return Bloom{}, fmt.Errorf("expectConsumerNumUseFilter=%d is not from 1 to %d", filters, 1<<20)
	}
	log := func(base, x float64) float64 { return math.Log(x) / math.Log(base) }
	rate := float64(errorPercent) / 100
	m := math.Ceil(float64(filters) * log(2, 1/rate) * log(2, math.E))
	return Bloom{hashes: int(math.Ceil(log(0.5, rate))), bits: 8 * int(math.Ceil(m/8))}, nil
}

// Bits is the length of a bitmap.
func (b Bloom) Bits() int { return b.bits }

// bloomData is where a filter's bits lie.
type bloomData struct {
	BitNum int   `json:"bitNum"`
	BitPos []int `json:"bitPos"`
}

// of returns the bits of a group's filter of a topic.
func (b Bloom) of(group, topic string) *bloomData {
	hash := murmur128(group + "#" + topic)
	low, high := int32(hash), int32(hash>>32)
	d := &bloomData{BitNum: b.bits, BitPos: make([]int, b.hashes)}
	for i := range d.BitPos {
		n := low + int32(i+1)*high
		if n < 0 {
			n = ^n
		}
		d.BitPos[i] = int(n) % b.bits
	}
	return d
}

// shaped tells whether data were made with this shape.
func (b Bloom) shaped(d *bloomData) bool {
	return d != nil && d.BitNum == b.bits && len(d.BitPos) == b.hashes &&
		!slices.ContainsFunc(d.BitPos, func(at int) bool { return at < 0 || at >= b.bits })
}

// Constants of MurmurHash3_x64_128, by Austin Appleby, which is in the public domain.
const (
	murmur1 = 0x87c37b91114253d5
	murmur2 = 0x4cf5ad432745937f
)

// murmur128 is the first half of the 128-bit MurmurHash3 with seed 0
// (Guava's murmur3_128().hashString(text, UTF_8).asLong()).
func murmur128(text string) uint64 {
	var h1, h2 uint64
	rest := []byte(text)
	for ; len(rest) >= 16; rest = rest[16:] {
		h1 ^= scramble1(binary.LittleEndian.Uint64(rest))
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= scramble2(binary.LittleEndian.Uint64(rest[8:]))
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	var tail [16]byte
	copy(tail[:], rest)
	h1 ^= scramble1(binary.LittleEndian.Uint64(tail[:]))
	h2 ^= scramble2(binary.LittleEndian.Uint64(tail[8:]))
	h1 ^= uint64(len(text))
	h2 ^= uint64(len(text))
	h1 += h2
	h2 += h1
	return mix(h1) + mix(h2)
}

func scramble1(k uint64) uint64 { return bits.RotateLeft64(k*murmur1, 31) * murmur2 }
func scramble2(k uint64) uint64 { return bits.RotateLeft64(k*murmur2, 33) * murmur1 }

func mix(k uint64) uint64 {
	k ^= k >> 33
	k *= 0xff51afd7ed558ccd
	k ^= k >> 33
	k *= 0xc4ceb9fe1a85ec53
	return k ^ k>>33
}
