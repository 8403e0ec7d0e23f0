/** What is configured: the predecessor's values where nothing is said, networks that take what they do not say, secrets in files. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { fitorSection, networkPlans } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-fitor-config-"));

async function read(text: string, environment: Record<string, string> = {}) {
  const path = join(folder, "warren.toml");
  writeFileSync(path, text);
  const config = await loadConfig({ sections: [nodeSection, fitorSection], environment, file: path });
  return { problems: config.problems.map(({ message }) => message), options: () => config.get(fitorSection) };
}

test("fitorSection: the predecessor's values, but for the server", async () => {
  const { options, problems } = await read("", { WARREN_FITOR_SERVER: "irc.example" });
  expect(problems).toEqual([]);
  const { floodBurstMs, floodBytes, floodLineMs, pingMs, reqSocket, subSocket, versionReply } = options();
  expect([floodLineMs, floodBytes, floodBurstMs, pingMs]).toEqual([2000, 120, 10_000, 180_000]);
  expect([reqSocket, subSocket, versionReply]).toEqual([
    "tcp://localhost:5555",
    "tcp://localhost:5556",
    "powered by goirc...",
  ]);
  expect(networkPlans(options())).toEqual([
    {
      name: "irc",
      host: "irc.example",
      port: 6667,
      tls: false,
      tlsVerify: true,
      identity: { nick: "gobot", alternates: [], user: "goirc", realName: "Powered by GoIRC", mustSignIn: true },
      channels: [{ name: "#ccnmtl", address: "gobot" }],
    },
  ]);
  expect(networkPlans((await read("")).options())).toEqual([]);
});

test("networks: take what they do not say, have addresses of their own, and secrets from files", async () => {
  writeFileSync(join(folder, "secret"), "hush\n", { mode: 0o600 });
  const { options, problems } = await read(`[fitor]
server = "irc.example"
password = "only here"
nick = "burrow"
[[fitor.networks]]
name = "other"
server = "irc.other.example"
tls = true
port = 6697
sasl = "plain"
account_password_file = ${JSON.stringify(join(folder, "secret"))}
channels = ["#one.two", { name = "#key", key_file = ${JSON.stringify(join(folder, "secret"))}, address = "elsewhere" }]
`);
  expect(problems).toEqual([]);
  const [own, other] = networkPlans(options());
  expect(own?.identity.password).toBe("only here");
  expect(other?.identity).toEqual({
    nick: "burrow",
    alternates: [],
    user: "goirc",
    realName: "Powered by GoIRC",
    mustSignIn: true,
    credentials: { mechanism: "PLAIN", account: "burrow", password: "hush" },
  });
  expect(other?.channels).toEqual([
    { name: "#one.two", address: "gobot.other.one_two" },
    { name: "#key", address: "elsewhere", key: "hush" },
  ]);
});

test("fitorSection: what cannot be is refused with its reason", async () => {
  for (const [text, reason] of [
    ['server = "a b"', "the name or address of a server"],
    ['server = "x"\nnick = "1bot"', "wanted a nick"],
    // Where pages are told of news.
    ['server = "x"\naddress = "fitor:page"', 'Cannot read "fitor:page": wanted a word'],
    [
      '[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = [{ name = "#a", address = "fitor:page.n1" }]',
      "at 0.channels.0.address: wanted a word",
    ],
    ['server = "x"\nchannel = "#a,#b"', "the name of a channel"],
    ['server = "x"\nreq_socket = "tcp://*:5555"', "an endpoint"],
    ['server = "x"\nsasl = "plain"', "sasl needs an account_password"],
    [
      'server = "x"\n[[fitor.networks]]\nname = "irc"\nserver = "y"\nchannels = ["#a"]',
      "two networks have the same name",
    ],
    [
      'server = "x"\n[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = [{ name = "#a", address = "gobot" }]',
      "two channels have the address",
    ],
    ['[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = []', "tables with a name, a server and channels"],
    ['[[fitor.networks]]\nname = "b c"\nserver = "y"\nchannels = ["#a"]', "at 0.name: wanted letters, digits, - and _"],
    ['[[fitor.networks]]\nname = "b"\nserver = "y"\nport = 0\nchannels = ["#a"]', "at 0.port: wanted a whole number"],
    ['[[fitor.networks]]\nname = "b"\nchannels = ["#a"]', "at 0.server: wanted the name or address of a server"],
    [
      '[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = [{ nme = "#a" }]',
      'at 0.channels.0: wanted the name of a channel such as "#room", or a table',
    ],
    [
      '[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = ["#a", "#A"]',
      '"b" has the channel "#a" twice: wanted it once',
    ],
    [
      '[[fitor.networks]]\nname = "b"\nserver = "y"\nchannels = ["#a"]\nsasl = "plain"',
      'networks: "b": sasl = "plain" needs an account_password_file',
    ],
  ] as const) {
    const { problems } = await read(`[fitor]\n${text}`.replace("[fitor]\n[[", "[["));
    expect([text, problems.join("; ")]).toEqual([text, expect.stringContaining(reason)]);
  }
  rmSync(folder, { recursive: true, force: true });
});
