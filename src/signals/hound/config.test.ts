/** The predecessor's variables: what started there starts here, and what it made no use of stops nothing. */
import { expect, test } from "bun:test";

import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { houndSection } from "./config.ts";
import { readRules } from "./rule-file.ts";
import { absentChannels, graphBaseOf, mailFromOf, relayOf, sourceOptions, warningsOf } from "./settings.ts";

async function read(environment: Record<string, string>) {
  const config = await loadConfig({ sections: [nodeSection, houndSection], environment, legacyOf: "hound" });
  expect(config.problems.map(({ message }) => message)).toEqual([]);
  return config.get(houndSection);
}

const graphite = { HOUND_GRAPHITE_BASE: "https://g.example/render/" };

test("houndSection: a port of 0 and no server is no mail, as it was", async () => {
  const options = await read({ ...graphite, HOUND_SMTP_PORT: "0", HOUND_CHECK_INTERVAL: "0", HOUND_WINDOW: "2weeks" });
  expect([options.smtpPort, relayOf(options), options.windowMs]).toEqual([587, undefined, 1_209_600_000]);
});

test("houndSection: windows as Graphite reads them", async () => {
  for (const [window, windowMs] of [
    ["10mins", 600_000],
    ["1h30min", 5_400_000],
    ["1mon", 30 * 86_400_000],
  ] as const) {
    expect([window, (await read({ ...graphite, HOUND_WINDOW: window })).windowMs]).toEqual([window, windowMs]);
  }
});

test("houndSection: a user without a password is no login, and is said", async () => {
  for (const half of ["USER", "PASSWORD"]) {
    const options = await read({ ...graphite, [`HOUND_GRAPHITE_BASIC_AUTH_${half}`]: "x" });
    expect(sourceOptions(options)).not.toHaveProperty("user");
    expect(warningsOf(options, "https://w.example/hound").join()).toContain("user and password");
  }
});

test("houndSection: port 25 with a login takes STARTTLS, for the password goes nowhere in the clear", async () => {
  const mail = { HOUND_SMTP_SERVER: "mail.example", HOUND_SMTP_PORT: "25" };
  const login = { HOUND_SMTP_USER: "u", HOUND_SMTP_PASSWORD: "p" };
  expect(relayOf(await read({ ...graphite, ...mail }))?.security).toBe("none");
  expect(relayOf(await read({ ...graphite, ...mail, ...login }))?.security).toBe("starttls");
  const here = await read({ ...graphite, ...mail, ...login, HOUND_SMTP_SERVER: "127.0.0.1" });
  expect(relayOf(here)?.security).toBe("none");
});

test("houndSection: mail comes from this machine where nobody says from whom", async () => {
  const options = await read({ ...graphite, HOUND_SMTP_SERVER: "mail.example" });
  expect(mailFromOf(options, "web-1")).toBe("hound@web-1");
  expect(mailFromOf(options, "bad_name ")).toBe("hound@localhost");
  expect(mailFromOf(await read({ ...graphite, HOUND_EMAIL_FROM: "a@b.example" }), "web-1")).toBe("a@b.example");
});

test("houndSection: a login in the address of the Graphite is the login", async () => {
  const options = await read({ HOUND_GRAPHITE_BASE: "https://me:p%40ss@g.example/render/" });
  expect(sourceOptions(options)).toMatchObject({ url: "https://g.example/render/", user: "me", password: "p@ss" });
  const own = await read({
    HOUND_GRAPHITE_BASE: "https://me:pass@g.example/render/",
    HOUND_GRAPHITE_BASIC_AUTH_USER: "u",
    HOUND_GRAPHITE_BASIC_AUTH_PASSWORD: "p",
  });
  expect(sourceOptions(own)).toMatchObject({ url: "https://g.example/render/", user: "u", password: "p" });
});

test("houndSection: addresses that no mail can come from or go to are refused, with what is wanted", async () => {
  const problemsOf = async (environment: Record<string, string>) => {
    const config = await loadConfig({ sections: [nodeSection, houndSection], environment, legacyOf: "hound" });
    return config.problems.map(({ message }) => message).join("; ");
  };
  expect(await problemsOf({ ...graphite, HOUND_EMAIL_FROM: "hound" })).toContain(
    'mail_from is "hound": wanted an address such as hound@example.org',
  );
  expect(await problemsOf({ ...graphite, HOUND_EMAIL_TO: "ops@example.org, root" })).toContain(
    'mail_to has "root": wanted addresses such as ops@example.org, and channels as channel:<name>',
  );
  expect(await problemsOf({ ...graphite, HOUND_METRIC_BASE: "a b." })).toContain("a name without space");
  expect(await problemsOf({ ...graphite, HOUND_EMAIL_FROM: "Hound <hound@x.example>" })).toBe("");
});

test("absentChannels: whoever is named as a channel has to be one", () => {
  const rules = readRules(
    [
      { name: "a", target: "t", above: 1, to: "channel:room" },
      { name: "b", target: "t", above: 1, to: "channel:rom", escalate: { after: "1h", to: "channel:boss" } },
    ],
    undefined,
    { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" },
  );
  const channels = [{ name: "room", kind: "webhook", url: "https://x.example/" }];
  const routes = [{ matcher: [], recipients: ["channel:none"], goesOn: false }];
  expect(absentChannels({ channels, mailTo: ["ops@x.example", "channel:ops"] }, rules, routes)).toEqual([
    'mail_to: there is no channel called "ops"',
    'routes 1: there is no channel called "none"',
    'rule "b": there is no channel called "rom"',
    'rule "b": there is no channel called "boss"',
  ]);
});

test("warningsOf: links that nobody else can open are said, where there is mail", async () => {
  const mail = { ...graphite, HOUND_SMTP_SERVER: "mail.example", HOUND_EMAIL_TO: "a@b.example" };
  const at = async (environment: Record<string, string>, url: string) =>
    warningsOf(await read(environment), url).join();
  expect(await at(mail, "http://127.0.0.1:4100/hound")).toContain("node.advertise");
  expect(await at(mail, "http://[::1]:4100/hound")).toContain("node.advertise");
  expect(await at(mail, "https://w.example/hound")).toBe("");
  expect(await at(graphite, "http://127.0.0.1:4100/hound")).toBe("");
});

test("graphBaseOf: links begin at the render URL, however the address is written", () => {
  for (const url of [
    "https://g.example",
    "https://g.example/",
    "https://g.example/render",
    "https://g.example/render/?org=1",
  ])
    expect([url, graphBaseOf(url, "graphite", undefined)]).toEqual([url, "https://g.example/render/"]);
  expect(graphBaseOf(undefined, "graphite", "http://w.example/series")).toBe("http://w.example/series/render/");
  expect(graphBaseOf("https://p.example", "promql", undefined)).toBeUndefined();
});
