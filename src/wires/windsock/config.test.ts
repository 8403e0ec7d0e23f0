import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";

import { loadConfig } from "../../kit/config/load.ts";
import { windsockSection } from "./config.ts";

/** What the start says of options as the environment gives them; empty where it says nothing. */
async function said(options: Record<string, string>): Promise<string> {
  const environment = Object.fromEntries(
    Object.entries(options).map(([key, value]) => [`WARREN_WINDSOCK_${key.toUpperCase()}`, value]),
  );
  const { problems } = await loadConfig({ sections: [windsockSection], flags: [], environment });
  return problems.map(({ message }) => message).join("; ");
}

test("windsockSection: an endpoint is refused with what is wrong with it", async () => {
  expect(await said({ pub_socket: "tcp://no-such-interface:5556" })).toContain(
    'pub_socket: Cannot parse endpoint "tcp://no-such-interface:5556": wanted an address, * or the name of a network interface of this machine',
  );
  expect(await said({ rep_socket: "tcp://127.0.0.1:99999" })).toContain("wanted a port of at most 65535");
  expect(await said({ collect_from: "tcp://*:1" })).toContain("wanted a host to connect to");
  expect(await said({ pull_socket: "udp://127.0.0.1:1" })).toContain("wanted tcp://host:port or ipc:///path");
  expect(await said({ pub_socket: "tcp://127.0.0.1:5556", collect_from: "tcp://127.0.0.1:1" })).toBe("");
});

test("windsockSection: an origin that no page could have is refused, for it would keep all pages out", async () => {
  for (const origin of ["app.example", "*", "https://app.example/path", "https://*"]) {
    expect(await said({ origins: origin })).toContain("wanted an origin such as");
  }
  expect(await said({ origins: "https://app.example,https://*.example,http://localhost:8080/,null,app://x" })).toBe("");
});

test("windsockSection: NATS and Redis are not looked for behind addresses of something else", async () => {
  expect(await said({ link: "nats", nats_servers: "http://nats:4222" })).toContain("wanted nats://host:port");
  expect(await said({ link: "redis", redis_url: "http://redis:6379" })).toContain("wanted redis://host:port");
  expect(await said({ link: "nats", nats_servers: "nats://a:4222,tls://b,c:4222" })).toBe("");
  for (const url of ["redis://u:p@redis:6379/0", "rediss://redis", "redis+unix:///run/redis.sock", "redis:6379"]) {
    expect(await said({ link: "redis", redis_url: url })).toBe("");
  }
});

test("windsockSection: news of channels of an application that there is not are refused", async () => {
  const apps = "shop:shop-key:shop-secret";
  expect(await said({ pusher_apps: apps, pusher_webhooks: "shp=https://shop.example/hook" })).toContain(
    'pusher_apps has no "shp"',
  );
  expect(await said({ pusher_apps: apps, pusher_webhooks: "shop=https://shop.example/hook" })).toBe("");
});

test("windsockSection: a key for tokens that is private, or no key, is refused without being shown", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const inOneLine = (pem: string | Buffer) => String(pem).replaceAll("\n", "\\n");
  const open = inOneLine(publicKey.export({ type: "spki", format: "pem" }));
  const closed = inOneLine(privateKey.export({ type: "pkcs8", format: "pem" }));
  expect(await said({ token_keys: `a secret,app:${open}` })).toBe("");
  const refusal = await said({ token_keys: `a secret,app:${closed}` });
  expect(refusal).toContain("token_keys has one that cannot be taken, number 2: it is a private key");
  expect(refusal).not.toContain(closed.slice(40, 60));
  expect(await said({ token_keys: "app:-----BEGIN PUBLIC KEY-----\\nx" })).toContain("number 1: it is no public key");
});
