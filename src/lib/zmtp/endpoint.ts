/**
 * Endpoints as ZeroMQ writes them: `tcp://*:5555`, `tcp://[::1]:5555`, `tcp://eth0:5555`, `tcp://host:5555`, `ipc:///run/x`.
 * To bind, the host is an address, `*` or the name of a network interface, and the port may be `*` for any free one.
 */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Where to bind or connect. */
export type Endpoint = { kind: "tcp"; host: string; port: number } | { kind: "ipc"; path: string };

/** Reads an endpoint to connect to. Throws SyntaxError. */
export function parseConnectEndpoint(text: string): Endpoint {
  const endpoint = parse(text);
  if (endpoint.kind === "ipc") return endpoint;
  // libzmq allows `tcp://source;destination`; what is before the semicolon says which of our addresses to use.
  if (endpoint.host === "*") throw refusal(text, "a host to connect to");
  if (endpoint.port === 0) throw refusal(text, "a port to connect to, 1 to 65535");
  return endpoint;
}

/** Reads an endpoint to bind. Throws SyntaxError, also for a network interface that this machine does not have. */
export function parseBindEndpoint(text: string): Endpoint {
  const endpoint = parse(text);
  if (endpoint.kind === "ipc") return endpoint;
  if (endpoint.host === "*") return { ...endpoint, host: "0.0.0.0" };
  if (isIP(endpoint.host) !== 0 || endpoint.host === "localhost") return endpoint;
  const addresses = networkInterfaces()[endpoint.host];
  const found = addresses?.find(({ family }) => family === "IPv4") ?? addresses?.[0];
  if (!found) throw refusal(text, "an address, * or the name of a network interface of this machine");
  return { ...endpoint, host: found.address };
}

/** An endpoint as text; the addresses of IPv6 in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "ipc") return `ipc://${endpoint.path}`;
  return `tcp://${endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
}

function parse(text: string): Endpoint {
  const ipc = /^ipc:\/\/(.+)$/.exec(text);
  if (ipc?.[1] !== undefined) {
    // The kernel's limit for the path of a socket, with its closing zero.
    if (Buffer.byteLength(ipc[1]) > 107 || ipc[1].includes("\0")) throw refusal(text, "a path of at most 107 bytes");
    return { kind: "ipc", path: ipc[1] };
  }
  const tcp = /^tcp:\/\/(?:\[([\da-fA-F:.%\w]+)\]|([^:[\]/\s]+)):(\d{1,5}|\*)\/?$/.exec(text);
  const host = tcp?.[1] ?? tcp?.[2];
  if (host === undefined) throw refusal(text, "tcp://host:port or ipc:///path");
  const port = tcp?.[3] === "*" ? 0 : Number(tcp?.[3]);
  if (port > 65_535) throw refusal(text, "a port of at most 65535");
  return { kind: "tcp", host, port };
}

function refusal(text: string, wanted: string): SyntaxError {
  return new SyntaxError(`Cannot parse endpoint ${JSON.stringify(text.slice(0, 200))}: wanted ${wanted}`);
}
