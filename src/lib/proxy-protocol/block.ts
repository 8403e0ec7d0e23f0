/**
 * Version 2: twelve fixed bytes, version and command, family and transport, a length (2 bytes), addresses, then values.
 * A checksum that is there is always checked. The block after `LOCAL` is not looked at, as the specification asks for;
 * families and commands it does not know are refused.
 */
import { crc32c } from "./crc32c.ts";
import { type ProxyAddresses, type ProxyHeader, ProxyHeaderError, type Tlv } from "./header.ts";
import { ipBytes, ipText } from "./ip.ts";
import { readTlvs, tlvBytes, tlvTypes } from "./tlv.ts";

/** The first bytes of every header of version 2. */
export const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** Bytes up to and with the length. */
export const headBytes = 16;

const unixPathBytes = 108;

/** Bytes of the whole header that begins with these 16. */
export function wholeBytes(head: Uint8Array): number {
  return headBytes + (((head[14] ?? 0) << 8) | (head[15] ?? 0));
}

/** Reads exactly one header, from its first byte to its last; values are views of it. Throws {@link ProxyHeaderError}. */
export function readBlock(bytes: Uint8Array): ProxyHeader {
  const [versionAndCommand = 0, familyAndTransport = 0] = bytes.subarray(12, 14);
  const command = versionAndCommand & 15;
  if (versionAndCommand >> 4 !== 2 || command > 1) {
    throw new ProxyHeaderError(`Cannot read PROXY header: version and command 0x${hex(versionAndCommand)} are unknown`);
  }
  const family = familyAndTransport >> 4;
  const transport = familyAndTransport & 15;
  if (family > 3 || transport > 2) {
    throw new ProxyHeaderError(
      `Cannot read PROXY header: family and transport 0x${hex(familyAndTransport)} are unknown`,
    );
  }
  if (command === 0) return { version: 2, command: "local", addresses: undefined, tlvs: [] };
  const block = bytes.subarray(headBytes);
  const addressBytes = [0, 12, 36, 2 * unixPathBytes][family] ?? 0;
  if (block.length < addressBytes) {
    throw new ProxyHeaderError(
      `Cannot read PROXY header: ${block.length} bytes do not hold the addresses it announces`,
    );
  }
  const tlvs = readTlvs(block.subarray(addressBytes));
  checkSum(bytes, tlvs);
  return {
    version: 2,
    command: "proxy",
    addresses: transport === 0 ? undefined : addressesOf(family, transport === 1 ? "stream" : "datagram", block),
    tlvs: tlvs.filter(({ type }) => type !== tlvTypes.crc32c),
  };
}

/** What a header of version 2 is made from. */
export interface BlockParts {
  /** Undefined writes `LOCAL` or an unspecified family, as `command` says. */
  readonly addresses: ProxyAddresses | undefined;
  /** @default "proxy" */
  readonly command?: "local" | "proxy";
  /** Sent after the addresses; not with `local`. */
  readonly tlvs?: readonly Tlv[];
  /** Whether a checksum goes with it. @default false */
  readonly checksum?: boolean;
}

/** The bytes of a header. Throws RangeError for addresses that are none, paths too long or more than 65,535 bytes of block. */
export function blockBytes(parts: BlockParts): Uint8Array {
  const { command = "proxy" } = parts;
  const addresses = command === "local" ? undefined : parts.addresses;
  const tlvs = command === "local" ? [] : [...(parts.tlvs ?? [])];
  const checksum: Tlv = { type: tlvTypes.crc32c, value: new Uint8Array(4) };
  if (parts.checksum === true && command !== "local") tlvs.push(checksum);
  const places = addresses ? placesOf(addresses) : new Uint8Array(0);
  const values = tlvBytes(tlvs);
  const length = places.length + values.length;
  if (length > 0xffff) throw new RangeError(`Cannot write PROXY header: its block of ${length} bytes is over 65535`);
  const bytes = new Uint8Array(headBytes + length);
  bytes.set(signature);
  bytes.set([command === "local" ? 0x20 : 0x21, addresses ? kindOf(addresses) : 0, length >> 8, length & 0xff], 12);
  bytes.set(places, headBytes);
  bytes.set(values, headBytes + places.length);
  if (tlvs.at(-1) === checksum) new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32c(bytes));
  return bytes;
}

function addressesOf(family: number, transport: "stream" | "datagram", block: Uint8Array): ProxyAddresses | undefined {
  if (family === 0) return undefined;
  if (family === 3) {
    return {
      family: "unix",
      transport,
      sourcePath: withoutZeros(block.subarray(0, unixPathBytes)),
      targetPath: withoutZeros(block.subarray(unixPathBytes, 2 * unixPathBytes)),
    };
  }
  const size = family === 1 ? 4 : 16;
  const ports = new DataView(block.buffer, block.byteOffset + 2 * size, 4);
  return {
    family: family === 1 ? "ipv4" : "ipv6",
    transport,
    source: { address: ipText(block.subarray(0, size)), port: ports.getUint16(0) },
    target: { address: ipText(block.subarray(size, 2 * size)), port: ports.getUint16(2) },
  };
}

function kindOf({ family, transport }: ProxyAddresses): number {
  return ({ ipv4: 1, ipv6: 2, unix: 3 }[family] << 4) | (transport === "stream" ? 1 : 2);
}

function placesOf(addresses: ProxyAddresses): Uint8Array {
  if (addresses.family === "unix") {
    const paths = [addresses.sourcePath, addresses.targetPath];
    const bytes = new Uint8Array(2 * unixPathBytes);
    for (const [index, path] of paths.entries()) {
      if (path.length > unixPathBytes) throw new RangeError(`Cannot write a path of ${path.length} bytes: 108 at most`);
      bytes.set(path, index * unixPathBytes);
    }
    return bytes;
  }
  const size = addresses.family === "ipv4" ? 4 : 16;
  const bytes = new Uint8Array(2 * size + 4);
  const ports = new DataView(bytes.buffer, 2 * size);
  for (const [index, { address, port }] of [addresses.source, addresses.target].entries()) {
    const places = ipBytes(address);
    if (places?.length !== size) throw new RangeError(`Cannot write "${address}" as ${addresses.family}`);
    bytes.set(places, index * size);
    ports.setUint16(index * 2, port);
  }
  return bytes;
}

/** A checksum is of the whole header with zeros in its own place. */
function checkSum(bytes: Uint8Array, tlvs: readonly Tlv[]): void {
  const sums = tlvs.filter(({ type }) => type === tlvTypes.crc32c);
  const [sum] = sums;
  if (!sum) return;
  if (sums.length > 1 || sum.value.length !== 4) {
    throw new ProxyHeaderError("Cannot read PROXY header: wanted one checksum of 4 bytes");
  }
  const copy = bytes.slice();
  const at = sum.value.byteOffset - bytes.byteOffset;
  copy.fill(0, at, at + 4);
  if (crc32c(copy) !== new DataView(bytes.buffer, sum.value.byteOffset, 4).getUint32(0)) {
    throw new ProxyHeaderError("Cannot read PROXY header: its checksum is of other bytes");
  }
}

function withoutZeros(path: Uint8Array): Uint8Array {
  let end = path.length;
  while (end > 0 && path[end - 1] === 0) end--;
  return path.subarray(0, end);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
