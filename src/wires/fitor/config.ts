/**
 * What can be configured of Fitor, said once. The predecessor had all of it compiled in; its values are the defaults, but for
 * the server, which has to be given. More networks stand in tables of their own, and take what they do not say from the rest.
 */
import { z } from "zod";

import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { choice, count, duration, file, flag, list, secret, shape, text } from "../../kit/config/fields.ts";
import { readSecretFile } from "../../kit/config/secret-file.ts";
import { parseConnectEndpoint } from "../../lib/zmtp/endpoint.ts";
import type { Credentials } from "../../lib/irc/sasl.ts";
import { bridgedKinds, type ChannelPlan, type NetworkPlan } from "./plan.ts";

const saslWords = ["none", "plain", "external", "scram-sha-256"] as const;
const word = /^[^\s:\0]+$/;
const nickForm = /^[A-Za-z[\]\\`_^{|}][A-Za-z0-9[\]\\`_^{|}-]{0,63}$/;
const channelForm = /^[^\s,\p{Cc}]{2,200}$/u;
const endpointForm = (line: string) => {
  try {
    parseConnectEndpoint(line);
    return true;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return false;
    throw thrown;
  }
};

/** A text of a form, which is told in the same words whatever is wrong with it. */
const textOf = (form: RegExp, wanted: string) =>
  z.string({ error: `wanted ${wanted}` }).regex(form, `wanted ${wanted}`);
const path = z.string({ error: "wanted the path of a file" }).min(1, "wanted the path of a file");
const yesOrNo = z.boolean({ error: "wanted true or false" });
const portWords = "wanted a whole number from 1 to 65535";
const channelName = textOf(channelForm, 'the name of a channel such as "#room"');
const channelWords = 'wanted the name of a channel such as "#room", or a table with name, key_file and address';

const channelShape = z.union(
  [
    channelName,
    z.strictObject({ name: channelName, key_file: path.optional(), address: textOf(word, "a word").optional() }),
  ],
  { error: channelWords },
);
const networkShape = z.strictObject({
  name: textOf(/^[A-Za-z0-9_-]{1,40}$/, "letters, digits, - and _, 40 at most"),
  server: textOf(word, "the name or address of a server"),
  port: z.int(portWords).min(1, portWords).max(65_535, portWords).optional(),
  tls: yesOrNo.optional(),
  tls_verify: yesOrNo.optional(),
  tls_ca: path.optional(),
  tls_certificate: path.optional(),
  tls_key: path.optional(),
  nick: textOf(nickForm, "a nick").optional(),
  user: textOf(word, "a word").optional(),
  real_name: z.string({ error: "wanted a text" }).optional(),
  password_file: path.optional(),
  sasl: z.enum(saslWords, { error: `wanted one of ${saslWords.join(", ")}` }).optional(),
  account: z.string({ error: "wanted the name of an account" }).optional(),
  account_password_file: path.optional(),
  channels: z
    .array(channelShape, { error: "wanted a list of channels" })
    .min(1, "wanted one channel or more")
    .max(200, "wanted 200 channels at most"),
});

/** Where the predecessor's broker is. */
export const usualReqSocket = "tcp://localhost:5555";
/** Where the predecessor's broker tells of publications. */
export const usualSubSocket = "tcp://localhost:5556";

const fields = {
  server: text({
    summary: "The IRC server. Without one, and without networks, nothing is connected to.",
    unset: "none",
    example: "irc.example",
    wanted: "the name or address of a server",
    accepts: (line) => word.test(line) || /^[0-9A-Fa-f:]+$/.test(line),
  }),
  network: text({
    summary: "What that network is called in addresses, on the page and in commands.",
    default: "irc",
    wanted: "letters, digits, - and _",
    accepts: (line) => /^[A-Za-z0-9_-]{1,40}$/.test(line),
  }),
  port: count({ summary: "Its port; 6697 is the usual one with TLS.", default: 6667, min: 1, max: 65_535 }),
  tls: flag({ summary: "Whether the connection is encrypted from the beginning." }),
  tlsVerify: flag({
    summary: "Whether the server's certificate has to be good, and for its name.",
    default: true,
  }),
  tlsCa: file({ summary: "PEM of an authority that is trusted for it.", unset: "those of the machine" }),
  tlsCertificate: file({ summary: "PEM of a certificate of our own, as SASL EXTERNAL wants it.", unset: "none" }),
  tlsKey: file({ summary: "PEM of its key.", unset: "in the file of the certificate" }),
  nick: text({
    summary: "The nick. Where it is taken, signs are added, and it is asked for again until it is free.",
    default: "gobot",
    wanted: "a nick",
    accepts: (line) => nickForm.test(line),
  }),
  alternateNicks: list(text({ wanted: "a nick", example: "gobot2", accepts: (line) => nickForm.test(line) }), {
    summary: "Nicks to try first where it is taken.",
  }),
  user: text({ summary: "The user name.", default: "goirc", wanted: "a word", accepts: (line) => word.test(line) }),
  realName: text({ summary: "The real name, for people.", default: "Powered by GoIRC" }),
  versionReply: text({ summary: "What CTCP VERSION is answered with.", default: "powered by goirc..." }),
  quitMessage: text({ summary: "The last words.", default: "Goodbye" }),
  password: secret({ summary: "The server's password.", unset: "none" }),
  sasl: choice(saslWords, { summary: "How to sign in to an account.", default: "none" }),
  account: text({ summary: "The account to sign in to.", unset: "the nick" }),
  accountPassword: secret({ summary: "Its password.", unset: "none" }),
  saslRequired: flag({
    summary: "Whether not to go without it when signing in fails; the bridge then waits to be told to connect.",
    default: true,
  }),
  channel: text({
    summary: "The channel that is bridged.",
    default: "#ccnmtl",
    wanted: "the name of a channel",
    accepts: (line) => channelForm.test(line),
  }),
  channelKey: secret({ summary: "What has to be said to come in.", unset: "nothing" }),
  address: text({
    summary:
      "Publications to addresses that begin so go into the channel; what is said there is published below the same with .fitor behind it.",
    default: "gobot",
    wanted: "a word",
    accepts: (line) => word.test(line),
  }),
  networks: shape(z.array(networkShape).max(100), {
    summary:
      "More networks, or one with more channels: each a name, a server, channels, and what differs from the rest of this section.",
    wanted: "tables with a name, a server and channels",
    default: [],
    example: [{ name: "libera", server: "irc.libera.example", port: 6697, tls: true, channels: ["#one", "#two"] }],
  }),
  segments: flag({
    summary:
      "Whether an address has to end where a part between dots does: gobot then does not take gobotany. The predecessor took it.",
  }),
  bridge: list(choice(bridgedKinds), {
    summary:
      "What of IRC is published. All but message, action and notice are published as status. The page shows everything.",
    default: ["message"],
  }),
  privateMessages: flag({
    summary:
      "Whether messages to the bot alone are published too, to whoever listens. The predecessor did; who writes them does not expect it.",
  }),
  formatting: choice(["remove", "marks", "keep"], {
    summary: "What becomes of bold, italic and colours, in both directions: removed, written as * and _, or kept.",
    default: "remove",
  }),
  markNicks: choice(["taken", "always", "never"], {
    summary:
      "Whether names that come from the bus are marked with /web: those that somebody in the channel holds, all, or none.",
    default: "taken",
  }),
  breakMentions: flag({
    summary: "Whether nicks in what is relayed are written so that nobody's client rings.",
  }),
  relaymsg: flag({
    summary: "Whether to speak under the names of others where the server has RELAYMSG.",
    default: true,
  }),
  maxLines: count({
    summary: "Lines of one publication that are relayed; the rest is left out.",
    default: 10,
    min: 1,
    max: 100,
  }),
  hold: count({ summary: "Messages from the bus that are kept while a network is away.", default: 100, max: 10_000 }),
  holdForMs: duration({ summary: "How long they are kept.", default: "10m", max: "7d" }),
  floodLineMs: duration({ summary: "What each line costs of the patience of a server.", default: "2s", max: "1m" }),
  floodBytes: count({ summary: "So many bytes cost one second more; 0: none.", default: 120, max: 100_000 }),
  floodBurstMs: duration({
    summary: "Once more than this is owed, each line waits for what it costs.",
    default: "10s",
    max: "10m",
  }),
  pingMs: duration({
    summary: "How often the server is asked for a sign of life.",
    default: "3m",
    min: "1s",
    max: "1h",
  }),
  reconnectMs: duration({
    summary: "The first delay before coming back to a server; doubles each time.",
    default: "2s",
    min: "10ms",
    max: "1h",
  }),
  reconnectMaxMs: duration({ summary: "The longest.", default: "5m", min: "10ms", max: "1d" }),
  rejoinMs: duration({
    summary: "The delay before coming back to a channel after a kick; doubles each time. 0: never.",
    default: "10s",
    max: "1d",
  }),
  regainMs: duration({
    summary: "How often a taken nick is asked for again.",
    default: "60s",
    min: "100ms",
    max: "1d",
  }),
  bus: choice(["auto", "zeromq", "none"], {
    summary:
      "Where publications come from and go to. With auto: windsock of this program where it runs and no other broker is named, otherwise ZeroMQ.",
    default: "auto",
  }),
  reqSocket: text({
    summary: "The broker that takes publications, as a ZeroMQ endpoint.",
    default: usualReqSocket,
    wanted: 'an endpoint such as "tcp://localhost:5555"',
    accepts: endpointForm,
  }),
  subSocket: text({
    summary: "Where it tells of them.",
    default: usualSubSocket,
    wanted: 'an endpoint such as "tcp://localhost:5556"',
    accepts: endpointForm,
  }),
  keepLines: count({
    summary: "Lines that are kept for the page and for search.",
    default: 200_000,
    min: 100,
    max: 50_000_000,
  }),
  keepForMs: duration({ summary: "How long they are kept.", default: "400d", min: "1h", max: "36500d" }),
} as const;

/** The options of Fitor. */
export type FitorOptions = OptionsOf<typeof fields>;

/** The section `[fitor]`. */
export const fitorSection = section(
  "fitor",
  "stands in IRC channels, and passes on what is said there and in browsers",
  fields,
  (options) => {
    const problems: string[] = [];
    if (options.sasl !== "none" && options.sasl !== "external" && options.accountPassword === undefined) {
      if (options.server !== undefined) problems.push("sasl needs an account_password");
    }
    for (const { account_password_file: file, name, sasl = "none" } of options.networks) {
      if (sasl !== "none" && sasl !== "external" && file === undefined)
        problems.push(`networks: "${name}": sasl = "${sasl}" needs an account_password_file`);
    }
    const names = networkNames(options);
    const sameName = firstTwice(names);
    if (sameName !== undefined) problems.push(`two networks have the same name, "${sameName}": wanted one for each`);
    for (const { channels, table } of networksIn(options)) {
      const sameChannel = firstTwice(channels.map(({ name }) => name.toLowerCase()));
      if (sameChannel !== undefined)
        problems.push(`networks: "${table.name}" has the channel "${sameChannel}" twice: wanted it once`);
    }
    const addresses = networksIn(options).flatMap(({ channels }) => channels.map(({ address }) => address));
    const twice = firstTwice(addresses);
    if (twice !== undefined) problems.push(`two channels have the address "${twice}"`);
    return problems;
  },
);

function firstTwice(words: readonly string[]): string | undefined {
  return words.find((one, index) => words.indexOf(one) < index);
}

function networkNames(options: FitorOptions): string[] {
  return [...(options.server === undefined ? [] : [options.network]), ...options.networks.map(({ name }) => name)];
}

type NetworkTable = FitorOptions["networks"][number];

/** The networks as tables, the one of the section itself first. */
function networksIn(options: FitorOptions): { table: NetworkTable; channels: Omit<ChannelPlan, "key">[] }[] {
  const own: NetworkTable[] =
    options.server === undefined
      ? []
      : [{ name: options.network, server: options.server, channels: [options.channel] }];
  let isFirst = true;
  return [...own, ...options.networks].map((table) => ({
    table,
    channels: table.channels.map((said) => {
      const name = typeof said === "string" ? said : said.name;
      const part = `${options.address}.${table.name}.${name.replace(/^[#&+!]+/, "").replaceAll(/[.:\s]/g, "_")}`;
      const address = (typeof said === "string" ? undefined : said.address) ?? (isFirst ? options.address : part);
      isFirst = false;
      return { name, address };
    }),
  }));
}

/** The networks that are to be connected to, with their secrets. Faults: those of reading the files that are named. */
export function networkPlans(options: FitorOptions): NetworkPlan[] {
  return networksIn(options).map(({ channels, table }, index) => {
    const isOwn = index === 0 && options.server !== undefined;
    const nick = table.nick ?? options.nick;
    const password =
      table.password_file === undefined
        ? isOwn
          ? options.password
          : undefined
        : readSecretFile(table.password_file).text;
    const credentials = credentialsOf(options, table, nick, isOwn);
    const [ca, certificate, key] = [
      table.tls_ca ?? options.tlsCa,
      table.tls_certificate ?? options.tlsCertificate,
      table.tls_key ?? options.tlsKey,
    ];
    return {
      name: table.name,
      host: table.server,
      port: table.port ?? options.port,
      tls: table.tls ?? options.tls,
      tlsVerify: table.tls_verify ?? options.tlsVerify,
      ...(ca === undefined ? {} : { tlsCa: ca }),
      ...(certificate === undefined ? {} : { tlsCertificate: certificate }),
      ...(key === undefined ? {} : { tlsKey: key }),
      identity: {
        nick,
        alternates: options.alternateNicks,
        user: table.user ?? options.user,
        realName: table.real_name ?? options.realName,
        mustSignIn: options.saslRequired,
        ...(password === undefined ? {} : { password }),
        ...(credentials === undefined ? {} : { credentials }),
      },
      channels: channels.map((channel, at) => {
        const said = table.channels[at];
        const path = typeof said === "object" ? said.key_file : undefined;
        const channelKey = path === undefined ? (isOwn ? options.channelKey : undefined) : readSecretFile(path).text;
        return { ...channel, ...(channelKey === undefined ? {} : { key: channelKey }) };
      }),
    };
  });
}

function credentialsOf(
  options: FitorOptions,
  table: NetworkTable,
  nick: string,
  isOwn: boolean,
): Credentials | undefined {
  const how = table.sasl ?? (isOwn ? options.sasl : "none");
  if (how === "none") return undefined;
  const account = table.account ?? (isOwn ? options.account : undefined) ?? nick;
  if (how === "external") return { mechanism: "EXTERNAL", account };
  const path = table.account_password_file;
  const password =
    (path === undefined ? (isOwn ? options.accountPassword : undefined) : readSecretFile(path).text) ?? "";
  return { mechanism: how === "plain" ? "PLAIN" : "SCRAM-SHA-256", account, password };
}
