package main

import (
	"bytes"
	"compress/lzw"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"
)

const origin = "captured from hashicorp/memberlist 0.5.4 by tests/together/memberlist-go/node"

// message is one message as this program reads it, independently of what will be tested with it. Bytes are hexadecimal.
type message struct {
	Type    int              `json:"type"`
	Fields  map[string]any   `json:"fields,omitempty"`
	States  []map[string]any `json:"states,omitempty"`
	Payload string           `json:"payload,omitempty"`
}

type vector struct {
	Origin   string    `json:"origin"`
	Channel  string    `json:"channel"`
	Layers   []string  `json:"layers"`
	Label    string    `json:"label,omitempty"`
	Key      string    `json:"key,omitempty"`
	Bytes    string    `json:"bytes"`
	Messages []message `json:"messages"`
}

// recorder keeps the first vector of each kind.
type recorder struct {
	sync.Mutex
	prefix string
	key    []byte
	label  string
	found  map[string]vector
}

func (r *recorder) add(channel string, raw []byte) {
	r.Lock()
	defer r.Unlock()
	v := vector{Origin: origin, Channel: channel, Layers: []string{}, Label: r.label, Key: hex.EncodeToString(r.key), Bytes: hex.EncodeToString(raw)}
	if err := v.peel(raw, r.key, r.label); err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v in %x\n", r.prefix, channel, err, raw)
		return
	}
	kinds := []string{}
	for _, m := range v.Messages {
		kinds = append(kinds, fmt.Sprint(m.Type))
	}
	name := strings.Join(append(append([]string{r.prefix, channel}, v.Layers...), kinds...), "-")
	if len(v.Messages) > 2 {
		return
	}
	if _, known := r.found[name]; !known {
		r.found[name] = v
	}
}

func (v *vector) peel(raw, key []byte, label string) error {
	data := raw
	if len(data) > 0 && data[0] == 244 {
		v.Layers = append(v.Layers, "label")
		data = data[2+int(data[1]):]
	}
	if key != nil {
		extra := []byte(label)
		if v.Channel != "packet" {
			if data[0] != 10 {
				return fmt.Errorf("not encrypted")
			}
			extra = append(append([]byte{}, data[:5]...), extra...)
			data = data[5:]
		}
		v.Layers = append(v.Layers, fmt.Sprintf("encrypted%d", data[0]))
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		plain, err := gcm.Open(nil, data[1:13], data[13:], extra)
		if err != nil {
			return err
		}
		if data[0] == 0 {
			plain = plain[:len(plain)-int(plain[len(plain)-1])]
		}
		data = plain
	}
	if v.Channel == "packet" && data[0] == 12 {
		if crc32.ChecksumIEEE(data[5:]) != binary.BigEndian.Uint32(data[1:5]) {
			return fmt.Errorf("bad checksum")
		}
		v.Layers = append(v.Layers, "checksum")
		data = data[5:]
	}
	return v.read(data)
}

func (v *vector) read(data []byte) error {
	switch data[0] {
	case 9:
		v.Layers = append(v.Layers, "compressed")
		var c struct {
			Algo uint8
			Buf  []byte
		}
		if err := codec.NewDecoderBytes(data[1:], &codec.MsgpackHandle{}).Decode(&c); err != nil {
			return err
		}
		plain, err := io.ReadAll(lzw.NewReader(bytes.NewReader(c.Buf), lzw.LSB, 8))
		if err != nil {
			return err
		}
		return v.read(plain)
	case 7:
		v.Layers = append(v.Layers, "compound")
		count := int(data[1])
		start := 2 + 2*count
		for i := 0; i < count; i++ {
			length := int(binary.BigEndian.Uint16(data[2+2*i:]))
			if err := v.read(data[start : start+length]); err != nil {
				return err
			}
			start += length
		}
		return nil
	case 8:
		if v.Channel == "packet" {
			v.Messages = append(v.Messages, message{Type: 8, Payload: hex.EncodeToString(data[1:])})
			return nil
		}
	}
	m := message{Type: int(data[0])}
	reader := bytes.NewReader(data[1:])
	decoder := codec.NewDecoder(reader, &codec.MsgpackHandle{})
	fields, err := readMap(decoder)
	if err != nil {
		return err
	}
	m.Fields = fields
	if m.Type == 6 {
		for i := int64(0); i < number(fields["Nodes"]); i++ {
			state, err := readMap(decoder)
			if err != nil {
				return err
			}
			m.States = append(m.States, state)
		}
	}
	if m.Type == 6 || m.Type == 8 {
		rest, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		m.Payload = hex.EncodeToString(rest)
	}
	v.Messages = append(v.Messages, m)
	return nil
}

func readMap(decoder *codec.Decoder) (map[string]any, error) {
	var raw map[string]any
	if err := decoder.Decode(&raw); err != nil {
		return nil, err
	}
	fields := map[string]any{}
	for name, value := range raw {
		switch v := value.(type) {
		case []byte:
			fields[name] = hex.EncodeToString(v)
		case string:
			fields[name] = hex.EncodeToString([]byte(v))
		case nil:
			fields[name] = ""
		default:
			fields[name] = v
		}
	}
	return fields, nil
}

func number(value any) int64 {
	switch v := value.(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	}
	return 0
}

// tap is a transport that records what is sent and can lose datagrams to one port.
type tap struct {
	memberlist.NodeAwareTransport
	recorder *recorder
	lock     sync.Mutex
	lost     string
}

func (t *tap) lose(address string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.lost = address
}

func (t *tap) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (t *tap) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	t.recorder.add("packet", bytes.Clone(b))
	t.lock.Lock()
	lost := t.lost == addr.Addr
	t.lock.Unlock()
	if lost {
		return time.Now(), nil
	}
	return t.NodeAwareTransport.WriteToAddress(b, addr)
}

func (t *tap) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

func (t *tap) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	conn, err := t.NodeAwareTransport.DialAddressTimeout(addr, timeout)
	if err != nil {
		return nil, err
	}
	return &tapped{Conn: conn, recorder: t.recorder}, nil
}

// tapped records both directions of a dialled stream when it closes.
type tapped struct {
	net.Conn
	recorder *recorder
	sent     bytes.Buffer
	received bytes.Buffer
	once     sync.Once
}

func (t *tapped) Write(b []byte) (int, error) {
	t.sent.Write(b)
	return t.Conn.Write(b)
}

func (t *tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.received.Write(b[:n])
	return n, err
}

func (t *tapped) Close() error {
	t.once.Do(func() {
		if t.sent.Len() > 0 {
			t.recorder.add("stream", bytes.Clone(t.sent.Bytes()))
		}
		if t.received.Len() > 0 {
			t.recorder.add("stream-answer", bytes.Clone(t.received.Bytes()))
		}
	})
	return t.Conn.Close()
}

type station struct {
	list *memberlist.Memberlist
	tap  *tap
	app  *application
}

func startStation(name string, s settings, r *recorder) (*station, error) {
	s.Name = name
	conf, err := s.config()
	if err != nil {
		return nil, err
	}
	conf.ProbeInterval = 200 * time.Millisecond
	conf.ProbeTimeout = 50 * time.Millisecond
	conf.GossipInterval = 50 * time.Millisecond
	netConfig := &memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, BindPort: 0, Logger: conf.Logger}
	netConfig.Logger = quiet()
	network, err := memberlist.NewNetTransport(netConfig)
	if err != nil {
		return nil, err
	}
	conf.BindPort = network.GetAutoBindPort()
	conf.AdvertisePort = conf.BindPort
	t := &tap{NodeAwareTransport: network, recorder: r}
	conf.Transport = t
	app := &application{meta: "meta of " + name, state: "state of " + name, tell: func(any) {}}
	conf.Delegate = app
	list, err := memberlist.Create(conf)
	if err != nil {
		return nil, err
	}
	return &station{list, t, app}, nil
}

func vectors(folder string) error {
	variants := map[string]settings{
		"plain":      {Plain: true},
		"compressed": {},
		"label":      {Plain: true, Label: "blue"},
		"aes128":     {Plain: true, Key: strings.Repeat("11", 16)},
		"aes192":     {Key: strings.Repeat("22", 24)},
		"aes256":     {Key: strings.Repeat("33", 32), Label: "blue"},
		"padded":     {Plain: true, Key: strings.Repeat("44", 16), Protocol: 1},
	}
	for prefix, s := range variants {
		key, err := hex.DecodeString(s.Key)
		if err != nil {
			return err
		}
		if len(key) == 0 {
			key = nil
		}
		r := &recorder{prefix: prefix, key: key, label: s.Label, found: map[string]vector{}}
		if err := scene(s, r); err != nil {
			return fmt.Errorf("%s: %w", prefix, err)
		}
		for name, v := range r.found {
			// Variants other than the plain one need only show their layers.
			shown := len(v.Messages) == 1 && strings.Contains("0 4 8", fmt.Sprint(v.Messages[0].Type))
			if prefix != "plain" && v.Channel == "packet" && !shown {
				continue
			}
			text, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644); err != nil {
				return err
			}
		}
	}
	return lzwVectors(folder)
}

// scene makes three real nodes say everything there is to say.
func scene(s settings, r *recorder) error {
	a, err := startStation("a", s, r)
	if err != nil {
		return err
	}
	b, err := startStation("b", s, r)
	if err != nil {
		return err
	}
	c, err := startStation("c", s, r)
	if err != nil {
		return err
	}
	home := a.list.LocalNode().Address()
	for _, other := range []*station{b, c} {
		if _, err := other.list.Join([]string{home}); err != nil {
			return err
		}
	}
	time.Sleep(600 * time.Millisecond)
	for _, n := range a.list.Members() {
		if n.Name == "b" {
			if err := a.list.SendBestEffort(n, []byte(strings.Repeat("hello ", 30))); err != nil {
				return err
			}
			if err := a.list.SendReliable(n, []byte(strings.Repeat("reliable ", 60))); err != nil {
				return err
			}
		}
	}
	b.app.meta = "new meta of b"
	if err := b.list.UpdateNode(2 * time.Second); err != nil {
		return err
	}
	// Datagrams from a and c to b vanish: indirect pings, nacks and pings on streams follow.
	a.tap.lose(b.list.LocalNode().Address())
	c.tap.lose(b.list.LocalNode().Address())
	time.Sleep(1500 * time.Millisecond)
	a.tap.lose("")
	c.tap.lose("")
	if s.Plain && s.Key == "" && s.Label == "" {
		conn, err := a.tap.DialTimeout(home, time.Second)
		if err != nil {
			return err
		}
		_, _ = conn.Write([]byte{9, 0xc1})
		_, _ = io.ReadAll(conn)
		_ = conn.Close()
	}
	// c dies without a word, b leaves properly.
	if err := c.list.Shutdown(); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	if err := b.list.Leave(2 * time.Second); err != nil {
		return err
	}
	if err := b.list.Shutdown(); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	return a.list.Shutdown()
}

// lzwVectors compresses texts that the reader of the vectors can make himself.
func lzwVectors(folder string) error {
	type pair struct {
		Origin string `json:"origin"`
		Length int    `json:"length"`
		Spread uint32 `json:"spread"`
		Packed string `json:"packed"`
	}
	var pairs []pair
	for _, length := range []int{0, 1, 2, 300, 4000, 9000} {
		for _, spread := range []uint32{1, 2, 256} {
			input := make([]byte, length)
			state := uint32(1)
			for i := range input {
				state = state*1664525 + 1013904223
				input[i] = byte((state >> 16) % spread)
			}
			var out bytes.Buffer
			w := lzw.NewWriter(&out, lzw.LSB, 8)
			if _, err := w.Write(input); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			pairs = append(pairs, pair{"Go 1.26 compress/lzw, LSB, 8 bits", length, spread, hex.EncodeToString(out.Bytes())})
		}
	}
	text, err := json.MarshalIndent(pairs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "lzw.json"), append(text, '\n'), 0o644)
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
