// A real hashicorp/memberlist node for tests. `node run <json>` starts one that takes commands on standard input and writes
// one JSON line for each event; it ends with its input. `node vectors <folder>` records what real nodes send to each other.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

type settings struct {
	Name     string `json:"name"`
	Profile  string `json:"profile"`
	Key      string `json:"key"`
	Label    string `json:"label"`
	Meta     string `json:"meta"`
	State    string `json:"state"`
	Protocol uint8  `json:"protocol"`
	Plain    bool   `json:"plain"`
	Open     bool   `json:"open"`
}

func (s settings) config() (*memberlist.Config, error) {
	conf := memberlist.DefaultLocalConfig()
	if s.Profile == "lan" {
		conf = memberlist.DefaultLANConfig()
	}
	conf.Name = s.Name
	conf.BindAddr = "127.0.0.1"
	conf.BindPort = 0
	conf.AdvertisePort = 0
	conf.Label = s.Label
	conf.LogOutput = io.Discard
	if os.Getenv("NODE_LOG") != "" {
		conf.LogOutput = os.Stderr
	}
	conf.EnableCompression = !s.Plain
	if s.Protocol > 0 {
		conf.ProtocolVersion = s.Protocol
	}
	conf.GossipVerifyIncoming = !s.Open
	conf.GossipVerifyOutgoing = !s.Open
	if s.Key != "" {
		key, err := hex.DecodeString(s.Key)
		if err != nil {
			return nil, err
		}
		conf.SecretKey = key
	}
	return conf, nil
}

// application is what a program built on memberlist supplies; it tells everything it hears.
type application struct {
	sync.Mutex
	meta  string
	state string
	tell  func(line any)
}

func (a *application) NodeMeta(int) []byte {
	a.Lock()
	defer a.Unlock()
	return []byte(a.meta)
}
func (a *application) NotifyMsg(message []byte) {
	a.tell(map[string]any{"event": "message", "text": string(message), "size": len(message)})
}
func (a *application) GetBroadcasts(int, int) [][]byte { return nil }
func (a *application) LocalState(bool) []byte          { return []byte(a.state) }
func (a *application) MergeRemoteState(state []byte, join bool) {
	a.tell(map[string]any{"event": "state", "text": string(state), "join": join})
}
func (a *application) NotifyJoin(n *memberlist.Node)   { a.member("join", n) }
func (a *application) NotifyLeave(n *memberlist.Node)  { a.member("leave", n) }
func (a *application) NotifyUpdate(n *memberlist.Node) { a.member("update", n) }
func (a *application) member(event string, n *memberlist.Node) {
	a.tell(map[string]any{"event": event, "name": n.Name, "address": n.Address(), "meta": string(n.Meta)})
}

func run(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	conf, err := s.config()
	if err != nil {
		return err
	}
	var writing sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(line any) {
		writing.Lock()
		defer writing.Unlock()
		_ = out.Encode(line)
	}
	app := &application{meta: s.Meta, state: s.State, tell: tell}
	conf.Delegate = app
	conf.Events = app
	list, err := memberlist.Create(conf)
	if err != nil {
		return err
	}
	tell(map[string]any{"event": "ready", "address": list.LocalNode().Address()})
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	for input.Scan() {
		verb, rest, _ := strings.Cut(input.Text(), " ")
		err := command(list, app, verb, rest, tell)
		if verb == "quit" {
			break
		}
		failure := ""
		if err != nil {
			failure = err.Error()
		}
		tell(map[string]any{"event": "done", "verb": verb, "error": failure})
	}
	return list.Shutdown()
}

func command(list *memberlist.Memberlist, app *application, verb, rest string, tell func(any)) error {
	switch verb {
	case "join":
		_, err := list.Join([]string{rest})
		return err
	case "meta":
		app.Lock()
		app.meta = rest
		app.Unlock()
		return list.UpdateNode(5 * time.Second)
	case "leave":
		return list.Leave(5 * time.Second)
	case "members":
		names := []string{}
		for _, n := range list.Members() {
			names = append(names, n.Name)
		}
		tell(map[string]any{"event": "members", "names": names})
		return nil
	case "send", "reliable":
		name, text, _ := strings.Cut(rest, " ")
		for _, n := range list.Members() {
			if n.Name != name {
				continue
			}
			if verb == "send" {
				return list.SendBestEffort(n, []byte(text))
			}
			return list.SendReliable(n, []byte(text))
		}
		return fmt.Errorf("no member %q", name)
	case "quit":
		return nil
	}
	return fmt.Errorf("unknown command %q", verb)
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "run":
		err = run(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "vectors":
		err = vectors(os.Args[2])
	default:
		err = fmt.Errorf("usage: node run <json> | node vectors <folder>")
	}
	if err != nil {
		log.Fatal(err)
	}
}
