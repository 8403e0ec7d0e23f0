/**
 * What can be configured of Windsock, said once. Started alone, the predecessor's files, flags and variables count: see
 * original-file.ts.
 */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import {
  address,
  choice,
  count,
  duration,
  file,
  flag,
  list,
  secret,
  size,
  text,
  url,
} from "../../kit/config/fields.ts";
import { goLogLevel, goPort } from "../../kit/config/legacy.ts";
import { parseBindEndpoint, parseConnectEndpoint } from "../../lib/zmtp/endpoint.ts";
import { decodeZ85 } from "../../lib/zmtp/z85.ts";
import { isOriginRule } from "./doors/origin.ts";
import { namedKeyOf, verifyingKeyOf } from "./doors/public-key.ts";
import { parseApplication } from "./pusher/application.ts";

/** What an application may be told of. */
const webhookKinds = ["connect", "disconnect", "publish", "occupied", "vacated"];

const bindable = (summary: string, example: string) =>
  list(text({ wanted: 'an endpoint such as "tcp://*:5555"', example }), { summary });
const connectable = (summary: string, example: string) =>
  list(text({ wanted: 'an endpoint such as "tcp://broker:5555"', example }), { summary });

const fields = {
  role: choice(["both", "windsock", "broker"], {
    summary:
      "What of it runs: the broker that back ends publish to, the windsock that browsers connect to, or both in one.",
    default: "both",
  }),
  secret: secret({
    summary: "What Windsock and the applications share to sign tokens with.",
    unset: "made at the first start and kept in the data folder",
    example: "a long random text",
  }),
  formerSecrets: list(secret({ example: "the secret from before" }), {
    summary: "Secrets whose tokens are still good, while applications are told the new one.",
  }),
  tokenAgeMs: duration({ summary: "An older token is stale.", default: "60s", min: "1s", max: "1d" }),
  tokenAheadMs: duration({
    summary: "How far the clock of an application may be ahead; the predecessor let any future in.",
    default: "60s",
    max: "3650d",
  }),
  tokenKeys: list(secret({ example: "2026:a long random text", hasLines: true }), {
    summary:
      "Keys of the newer tokens (JWT), each id:key, where the id is what a token's kid says, or a key alone: a secret (HS256), or a public key in PEM (RS256, ES256, EdDSA). Several are good at a time.",
  }),
  tokenAudience: text({ summary: "What aud in a newer token has to name.", unset: "nothing is asked for" }),
  apiSecrets: list(secret({ example: "a long random text" }), {
    summary: "Secrets by which back ends sign what they ask of /api/; without any they show a token of this node.",
  }),
  webhookUrl: url({
    summary: "Where the application is told of what happens, and asked whether somebody may connect.",
    unset: "nobody is told",
    example: "https://app.example/windsock",
  }),
  webhookEvents: list(
    text({
      wanted: webhookKinds.join(", "),
      accepts: (value) => webhookKinds.some((kind) => kind === value),
      example: "publish",
    }),
    { summary: "What it is told: connect (it is asked), disconnect, publish, occupied and vacated topics." },
  ),
  webhookSecret: secret({ summary: "Signs what webhook_url is told.", unset: "unsigned" }),
  pusherApps: list(secret({ example: "shop:shop-key:shop-secret" }), {
    summary: "Applications whose clients speak the protocol of Pusher Channels, each id:key:secret.",
  }),
  pusherWebhooks: list(text({ example: "shop=https://shop.example/hook" }), {
    summary: "Where such an application is told of its channels, each id=URL.",
  }),
  mercurePublisherKey: secret({
    summary:
      "With what tokens of publishers are signed that speak the Mercure protocol: a secret (HS256), or a public key in PEM (RS256, ES256, EdDSA); its door opens with both keys.",
    hasLines: true,
  }),
  mercureSubscriberKey: secret({ summary: "The same for its subscribers.", hasLines: true }),
  mercureAnonymous: flag({ summary: "Mercure's subscribers without a token hear public updates." }),
  mercureSubscriptions: flag({ summary: "Mercure's subscriptions are listed, and told of, to tokens that cover it." }),
  link: choice(["none", "direct", "nats", "redis"], {
    summary:
      "What carries messages between several nodes: nothing, the nodes of the cluster themselves, NATS, or Redis.",
    default: "none",
  }),
  natsServers: list(secret({ example: "nats://nats:4222" }), { summary: "With link nats: where its servers are." }),
  natsStream: flag({
    summary: "With link nats: JetStream keeps the publications, in one order for all nodes.",
    default: true,
  }),
  redisUrl: secret({ summary: "With link redis: where it is.", example: "redis://redis:6379/0" }),
  linkPrefix: text({
    summary: "With link nats or redis: begins subjects and keys. Windsocks with the same one are one.",
    wanted: "letters, digits, dashes and underscores",
    accepts: (value) => /^[\w-]{1,64}$/.test(value),
    default: "windsock",
  }),
  singleUse: flag({
    summary: "A token lets in only once. The predecessor, and its clients, use one as often as it is fresh.",
  }),
  checkAddress: flag({ summary: "The address in a token has to be that of its bearer. The predecessor never looked." }),
  boundary: choice(["bytes", "segments"], {
    summary:
      "How prefixes in tokens are taken: by bytes, as the predecessor did (room_1 hears room_10), or up to the end of a part between dots.",
    default: "bytes",
  }),
  origins: list(
    text({
      wanted: 'an origin such as "https://app.example" or "https://*.example"',
      accepts: isOriginRule,
      example: "https://app.example",
    }),
    {
      summary:
        "Origins whose pages may connect, such as https://app.example or https://*.example. Empty lets every page with a token in. Clients that send no Origin are no browsers and are not asked.",
    },
  ),
  forwarded: flag({
    summary: "A proxy stands in front: the client's address is the last one in X-Forwarded-For.",
  }),
  echo: flag({
    summary: "Clients hear what they publish themselves, as with the predecessor; each may say echo=0 for itself.",
    default: true,
  }),
  maxMessageBytes: size({
    summary: "The longest message: of a websocket, or address and content together. Longer ones end the connection.",
    default: "1MiB",
    min: "1KiB",
    max: "64MiB",
  }),
  slowReader: choice(["resume", "cut"], {
    summary:
      "What happens to a websocket that reads too slowly: resume goes on from the history once it has caught up, cut closes it (3008) for the client to come back.",
    default: "resume",
  }),
  waitingBytes: size({
    summary:
      "How much may wait for one websocket before slow_reader counts; at four times that it is cut without a word.",
    default: "1MiB",
    min: "64KiB",
    max: "256MiB",
  }),
  stalledMs: duration({
    summary: "A websocket that takes nothing of what waits for so long is cut.",
    default: "60s",
    min: "1s",
    max: "1h",
  }),
  idleMs: duration({
    summary: "A websocket that does not even answer pings for so long is gone.",
    default: "60s",
    min: "8s",
    max: "16m",
  }),
  deflate: flag({
    summary: "Compress messages for clients that ask for it. Costs memory and time for each connection.",
  }),
  connections: count({ summary: "Clients at a time; 0 is no limit.", default: 100_000 }),
  connectionsPerUser: count({ summary: "Clients of one user at a time; 0 is no limit.", default: 0 }),
  connectionsPerAddress: count({ summary: "Clients from one address at a time; 0 is no limit.", default: 0 }),
  subscriptions: count({
    summary: "Interests of one connection, and addresses it is present at or watches.",
    default: 100,
    min: 1,
    max: 100_000,
  }),
  messagesPerSecond: count({ summary: "How fast one connection may publish; 0 is no limit.", default: 0 }),
  messagesBurst: count({ summary: "How many messages it may publish at once after a silence.", default: 100, min: 1 }),
  addressPerSecond: count({
    summary: "How many messages a second one address takes from clients and back ends of this node; 0 is no limit.",
    default: 0,
  }),
  historyCount: count({
    summary: "Publications that are kept for clients to go back to; 0 keeps none.",
    default: 10_000,
    max: 10_000_000,
  }),
  historySizeBytes: size({ summary: "The most that these take together.", default: "64MiB", max: "1TiB" }),
  historyAgeMs: duration({ summary: "How long they are kept.", default: "1h", min: "1s", max: "3650d" }),
  historyStore: choice(["memory", "disk"], {
    summary:
      "Where they are kept. On disk they outlive a restart, and what was acknowledged is on the disk; in memory it is fast.",
    default: "memory",
  }),
  repSocket: bindable("Where the broker takes publications, a REP socket of ZeroMQ.", "tcp://*:5555"),
  pubSocket: bindable("Where the broker tells subscribers, a PUB socket of ZeroMQ.", "tcp://*:5556"),
  pullSocket: bindable(
    "Where back ends may publish without an answer, a PULL socket of ZeroMQ: address, content.",
    "tcp://*:5557",
  ),
  collectFrom: connectable(
    "Publishers (PUB sockets of ZeroMQ) whose messages of address and content are taken as publications.",
    "tcp://app:5600",
  ),
  reqSocket: connectable("A broker elsewhere: where its REP socket is. With sub_socket.", "tcp://localhost:5555"),
  subSocket: connectable("A broker elsewhere: where its PUB socket is. With req_socket.", "tcp://localhost:5556"),
  subKey: text({ summary: "With a broker elsewhere: only addresses that begin so are asked for.", default: "" }),
  brokerTimeoutMs: duration({
    summary: "How long a broker elsewhere may take to answer before a publication counts as failed.",
    default: "5s",
    min: "10ms",
    max: "5m",
  }),
  security: choice(["null", "plain", "curve"], {
    summary: "How ZeroMQ sockets prove themselves: not at all, by user and password (in clear), or by keys, encrypted.",
    default: "null",
  }),
  plainUsers: list(secret({ example: "app:password" }), {
    summary:
      "With security plain: who may connect, each user:password; the first is what is shown to a broker elsewhere.",
  }),
  curveSecretKey: secret({ summary: "With security curve: the secret key of this side, 40 characters of Z85." }),
  curveServerKey: text({
    summary: "With security curve and a broker elsewhere: its public key, 40 characters of Z85.",
    wanted: "40 characters of Z85",
    accepts: isKey,
    example: "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
  }),
  curveClients: list(
    text({ wanted: "40 characters of Z85", accepts: isKey, example: "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" }),
    {
      summary: "With security curve: the public keys of those who may connect; empty lets in whoever knows ours.",
    },
  ),
  peers: count({ summary: "Connections that others may open to one ZeroMQ socket.", default: 10_000, min: 1 }),
  peersPerAddress: count({ summary: "The same from one address; 0 is no limit.", default: 0 }),
  vars: address({
    summary: "An address of its own for /debug/vars, the predecessor's figures, which anybody who reaches it may read.",
    unset: "at /debug/vars below the service, for whoever may read it",
    example: "127.0.0.1:8081",
    legacy: { names: ["BROKER_EXPVAR_PORT", "EXPVAR_PORT"], read: goPort },
  }),
  originalConfig: file({
    summary:
      "The predecessor's windsock.json or broker.json, where started in its place: the secret is taken from it. Its other keys count when it is named by -config.",
    unset: "none",
    example: "/etc/windsock/windsock.json",
  }),
} as const;

/** The options of Windsock. */
export type WindsockOptions = OptionsOf<typeof fields>;

/** The section `[windsock]`. */
export const windsockSection = section(
  "windsock",
  "pushes messages to browsers over websockets, with a broker for back ends",
  fields,
  (options) => {
    const faults: string[] = [];
    for (const [key, endpoints, parse] of endpointsOf(options)) {
      for (const endpoint of endpoints) {
        const reason = refusalOf(() => parse(endpoint));
        if (reason !== undefined) faults.push(`${key}: ${reason}`);
      }
    }
    const hasUplink = options.reqSocket.length > 0 || options.subSocket.length > 0;
    if (hasUplink && (options.reqSocket.length === 0 || options.subSocket.length === 0))
      faults.push("req_socket and sub_socket stand together: wanted both or neither");
    if (hasUplink && options.role !== "windsock")
      faults.push(`role is "${options.role}", but req_socket names a broker elsewhere: wanted role windsock`);
    if (options.role === "broker" && options.repSocket.length + options.pullSocket.length === 0)
      faults.push("role is broker, but nobody could publish: wanted rep_socket or pull_socket");
    if (options.webhookEvents.length > 0 !== (options.webhookUrl !== undefined))
      faults.push("webhook_url and webhook_events stand together: wanted both or neither");
    if (hasUplink && options.link !== "none")
      faults.push(`link is "${options.link}", but req_socket names a broker elsewhere: wanted one of both`);
    if ((options.mercurePublisherKey === undefined) !== (options.mercureSubscriberKey === undefined))
      faults.push("mercure_publisher_key and mercure_subscriber_key stand together: wanted both or neither");
    for (const [name, text] of [
      ["mercure_publisher_key", options.mercurePublisherKey],
      ["mercure_subscriber_key", options.mercureSubscriberKey],
    ] as const) {
      const reason = text === undefined ? undefined : refusalOf(() => verifyingKeyOf(text));
      if (reason !== undefined) faults.push(`${name} cannot be taken: ${reason}`);
    }
    for (const [place, text] of options.tokenKeys.entries()) {
      const reason = refusalOf(() => namedKeyOf(text));
      if (reason !== undefined) faults.push(`token_keys has one that cannot be taken, number ${place + 1}: ${reason}`);
    }
    if (options.link === "nats" && options.natsServers.length === 0) faults.push("link is nats: wanted nats_servers");
    if (options.link === "redis" && options.redisUrl === undefined) faults.push("link is redis: wanted redis_url");
    if (options.natsServers.some((server) => !isOfScheme(server, /^(?:nats|tls)$/i)))
      faults.push("nats_servers has one that is none: wanted nats://host:port, or tls://host:port");
    if (options.redisUrl !== undefined && !isOfScheme(options.redisUrl, /^(?:redis|valkey)s?(?:\+[a-z+]+)?$/i))
      faults.push("redis_url is none: wanted redis://host:port, or rediss://host:port");
    if ((options.link === "nats" || options.link === "redis") && options.historyStore === "disk")
      faults.push(`link is "${options.link}", which keeps the history itself: wanted history_store memory`);
    if (!isRead(() => options.pusherApps.map(parseApplication)))
      faults.push("pusher_apps is not of the form id:key:secret, id and key of letters, digits, - and _");
    for (const hook of options.pusherWebhooks) {
      const id = /^([\w-]+)=https?:\/\/\S+$/.exec(hook)?.[1];
      if (id === undefined) faults.push(`pusher_webhooks has "${hook}": wanted id=URL`);
      else if (!options.pusherApps.some((app) => app.startsWith(`${id}:`)))
        faults.push(`pusher_webhooks has "${hook}": pusher_apps has no "${id}"`);
    }
    if (options.security === "plain" && options.plainUsers.some((user) => !user.includes(":")))
      faults.push("plain_users is not of the form user:password");
    if (options.security === "plain" && options.plainUsers.length === 0)
      faults.push("security is plain: wanted plain_users");
    if (options.security === "curve" && options.curveSecretKey === undefined)
      faults.push("security is curve: wanted curve_secret_key");
    if (options.curveSecretKey !== undefined && !isKey(options.curveSecretKey))
      faults.push("curve_secret_key is no key: wanted 40 characters of Z85");
    if (options.security === "curve" && hasUplink && options.curveServerKey === undefined)
      faults.push("security is curve, with a broker elsewhere: wanted curve_server_key");
    return faults;
  },
  {
    nodeLegacy: {
      logLevel: {
        names: ["WINDSOCK_LOG_LEVEL", "BROKER_LOG_LEVEL", "LOG_LEVEL"],
        read: goLogLevel,
      },
    },
  },
);

function endpointsOf(options: WindsockOptions) {
  return [
    ["rep_socket", options.repSocket, parseBindEndpoint],
    ["pub_socket", options.pubSocket, parseBindEndpoint],
    ["pull_socket", options.pullSocket, parseBindEndpoint],
    ["collect_from", options.collectFrom, parseConnectEndpoint],
    ["req_socket", options.reqSocket, parseConnectEndpoint],
    ["sub_socket", options.subSocket, parseConnectEndpoint],
  ] as const;
}

/** Whether a text is a URL of one of the schemes, or has none and is a host. */
function isOfScheme(text: string, schemes: RegExp): boolean {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1];
  return scheme === undefined ? !text.includes("/") : schemes.test(scheme) && URL.canParse(text);
}

function isKey(key: string): boolean {
  return isRead(() => decodeZ85(key)) && key.length === 40;
}

function isRead(read: () => unknown): boolean {
  return refusalOf(read) === undefined;
}

/** Why something cannot be read; undefined when it can. */
function refusalOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Error) return thrown.message;
    throw thrown;
  }
}
