// A node that behaves on the wire as an original Cask does, for tests of mixed clusters: hashicorp/memberlist's local
// profile with the originals' JSON, the ring, /local/ and /file/ over HTTP, one copy after another on upload, a
// rebalance pass that asks with HEAD and pushes. Written from the description of that wire; blobs are kept in memory.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

type state struct {
	UUID      string   `json:"uuid"`
	BaseURL   string   `json:"base_url"`
	Writeable bool     `json:"writeable"`
	Secret    string   `json:"secret"`
	Neighbors []string `json:"neighbors"`
}

type node struct {
	mutex  sync.Mutex
	self   state
	others map[string]state
	blobs  map[string][]byte
}

func (n *node) encoded() []byte {
	text, _ := json.Marshal(n.self)
	return text
}

func (n *node) NodeMeta(int) []byte              { return n.encoded() }
func (n *node) LocalState(bool) []byte           { return n.encoded() }
func (n *node) NotifyMsg([]byte)                 {}
func (n *node) GetBroadcasts(int, int) [][]byte  { return nil }
func (n *node) MergeRemoteState(b []byte, _ bool) { n.learn(b, false) }
func (n *node) NotifyJoin(m *memberlist.Node)    { n.learn(m.Meta, true) }
func (n *node) NotifyUpdate(m *memberlist.Node)  { n.learn(m.Meta, false) }
func (n *node) NotifyLeave(m *memberlist.Node) {
	var s state
	if json.Unmarshal(m.Meta, &s) != nil || s.Secret != n.self.Secret {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	delete(n.others, s.UUID)
}

func (n *node) learn(text []byte, joins bool) {
	var s state
	if json.Unmarshal(text, &s) != nil || s.Secret != n.self.Secret || s.UUID == n.self.UUID {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if _, known := n.others[s.UUID]; known || joins {
		n.others[s.UUID] = s
	}
}

func keyOf(b []byte) string {
	sum := sha1.Sum(b)
	return "sha1:" + hex.EncodeToString(sum[:])
}

// order walks the ring: 16 points a node, first point strictly greater than the key.
func (n *node) order(key string, writeableOnly bool) []state {
	n.mutex.Lock()
	nodes := []state{n.self}
	for _, s := range n.others {
		nodes = append(nodes, s)
	}
	n.mutex.Unlock()
	type point struct {
		at   string
		node state
	}
	var points []point
	for _, s := range nodes {
		if writeableOnly && !s.Writeable {
			continue
		}
		for i := 0; i < 16; i++ {
			points = append(points, point{keyOf([]byte(s.UUID + strconv.Itoa(i))), s})
		}
	}
	sort.Slice(points, func(a, b int) bool { return points[a].at < points[b].at })
	start := 0
	for i, p := range points {
		if p.at > key {
			start = i
			break
		}
	}
	seen := map[string]bool{}
	var order []state
	for i := range points {
		p := points[(start+i)%len(points)]
		if !seen[p.node.UUID] {
			seen[p.node.UUID] = true
			order = append(order, p.node)
		}
	}
	return order
}

func (n *node) get(key string) ([]byte, bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	b, ok := n.blobs[key]
	return b, ok
}

func (n *node) keep(b []byte) string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	key := keyOf(b)
	n.blobs[key] = b
	return key
}

func (n *node) push(to state, b []byte) bool {
	if to.UUID == n.self.UUID {
		n.keep(b)
		return true
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("file", "file.dat")
	part.Write(b)
	form.Close()
	request, _ := http.NewRequest("POST", to.BaseURL+"/local/", &body)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("X-Cask-Cluster-Secret", n.self.Secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.Status == "200 OK" && string(text) == keyOf(b)
}

func (n *node) ask(method string, to state, key string) ([]byte, bool) {
	request, _ := http.NewRequest(method, to.BaseURL+"/local/"+key+"/", nil)
	request.Header.Set("X-Cask-Cluster-Secret", n.self.Secret)
	answer, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		return nil, false
	}
	defer answer.Body.Close()
	b, _ := io.ReadAll(answer.Body)
	return b, answer.Status == "200 OK"
}

// rebalance brings every blob to its first three nodes, believing HEAD.
func (n *node) rebalance() {
	n.mutex.Lock()
	keys := make([]string, 0, len(n.blobs))
	for key := range n.blobs {
		keys = append(keys, key)
	}
	n.mutex.Unlock()
	for _, key := range keys {
		b, _ := n.get(key)
		copies := 0
		for _, to := range n.order(key, false) {
			if copies == 3 {
				break
			}
			if to.UUID == n.self.UUID {
				copies++
				continue
			}
			if _, held := n.ask("HEAD", to, key); held {
				copies++
			} else if to.Writeable && n.push(to, b) {
				copies++
			}
		}
	}
}

func file(r *http.Request) ([]byte, error) {
	part, _, err := r.FormFile("file")
	if err != nil {
		return nil, err
	}
	return io.ReadAll(part)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	n := &node{others: map[string]state{}, blobs: map[string][]byte{}}
	n.self = state{os.Args[1], "http://" + listener.Addr().String(), true, os.Args[2], nil}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		b, err := file(r)
		if err != nil {
			http.Error(w, "no file", 500)
			return
		}
		copies := 0
		for _, to := range n.order(keyOf(b), true) {
			if copies == 3 {
				break
			}
			if n.push(to, b) {
				copies++
			}
		}
		text, _ := json.Marshal(map[string]any{"key": keyOf(b), "success": copies > 0})
		w.Write(text)
	})
	mux.HandleFunc("GET /file/{key}/", func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		if b, held := n.get(key); held {
			w.Write(b)
			return
		}
		for _, to := range n.order(key, false) {
			if to.UUID == n.self.UUID {
				continue
			}
			if b, held := n.ask("GET", to, key); held {
				w.Write(b)
				return
			}
		}
		http.Error(w, "not found", 404)
	})
	guarded := func(handle http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Cask-Cluster-Secret") != n.self.Secret {
				http.Error(w, "sorry, need the secret knock", 403)
				return
			}
			handle(w, r)
		}
	}
	mux.HandleFunc("POST /local/", guarded(func(w http.ResponseWriter, r *http.Request) {
		b, err := file(r)
		if err != nil {
			http.Error(w, "no file", 500)
			return
		}
		io.WriteString(w, n.keep(b))
	}))
	mux.HandleFunc("GET /local/{key}/", guarded(func(w http.ResponseWriter, r *http.Request) {
		b, held := n.get(r.PathValue("key"))
		if !held {
			http.Error(w, "not found\n", 404)
			return
		}
		w.Write(b)
	}))
	// For the test alone: what this node knows, and a pass of rebalancing on demand.
	mux.HandleFunc("GET /test/nodes", func(w http.ResponseWriter, r *http.Request) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		text, _ := json.Marshal(n.others)
		w.Write(text)
	})
	mux.HandleFunc("POST /test/rebalance", func(w http.ResponseWriter, r *http.Request) { n.rebalance() })
	mux.HandleFunc("POST /test/only-here", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		io.WriteString(w, n.keep(b))
	})
	go http.Serve(listener, mux)

	config := memberlist.DefaultLocalConfig()
	config.BindAddr = "127.0.0.1"
	config.BindPort = 0
	config.AdvertisePort = 0
	config.Name = os.Args[1]
	config.Delegate = n
	config.Events = n
	config.LogOutput = io.Discard
	list, err := memberlist.Create(config)
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 3 {
		if _, err := list.Join(strings.Split(os.Args[3], ",")); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%s 127.0.0.1:%d\n", n.self.BaseURL, list.LocalNode().Port)
	io.Copy(io.Discard, os.Stdin)
}
