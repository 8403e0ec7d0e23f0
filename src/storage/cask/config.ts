/**
 * What can be configured of Cask, said once. Started alone, the predecessor's `CASK_*` variables count too; where the
 * documentation of the original and the program differed, the documentation is followed.
 */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import {
  address,
  choice,
  count,
  duration,
  flag,
  folder,
  list,
  secret,
  size,
  text,
  url,
} from "../../kit/config/fields.ts";
import { goBytes, goFlag, goInteger, goPort, goSeconds } from "../../kit/config/legacy.ts";

/** True as soon as the predecessor's environment is there: it cannot run without this variable. */
const standsIn = ["CASK_BACKEND"] as const;

const fields = {
  algorithm: choice(["sha256", "sha1"], {
    summary: "The hash that names new blobs. Blobs named by the other one stay readable.",
    unset: "sha256, or sha1 when standing in for a predecessor",
    legacy: { names: standsIn, read: () => "sha1" },
  }),
  copies: count({
    summary: "How many nodes should hold each blob.",
    default: 3,
    min: 1,
    max: 64,
    legacy: { names: ["CASK_REPLICATION"], read: (value) => Math.max(1, goInteger(value)) },
  }),
  quorum: count({
    summary:
      "How many nodes must have a blob on disk before a write is acknowledged. 0 takes a majority of the copies that the known nodes can hold.",
    default: 0,
    min: 0,
    max: 64,
  }),
  readOnly: flag({
    summary: "Take no new blobs. What is held stays readable and counts as a copy.",
    default: false,
    legacy: {
      names: ["CASK_WRITEABLE", ...standsIn],
      read: (_, environment) => !goFlag(environment.CASK_WRITEABLE || "false"),
    },
  }),
  store: choice(["disk", "s3"], {
    summary: "Where blobs are kept: in a folder, or in a bucket of an S3-compatible store.",
    default: "disk",
    legacy: { names: ["CASK_BACKEND"] },
  }),
  folder: folder({
    summary: "The folder of the blobs.",
    example: "/srv/blobs",
    unset: "blobs in the service's data folder",
    legacy: {
      names: ["CASK_DISK_BACKEND_ROOT", "DISK_BACKEND_ROOT"],
      read: (value) => `${value.replace(/\/+$/, "")}/warren`,
    },
  }),
  originalFolder: folder({
    summary:
      "A folder in the predecessor's layout. Its blobs are served in place, verified first; `warren cask adopt` brings them over.",
    example: "/var/lib/cask/",
    unset: "none",
    legacy: { names: ["CASK_DISK_BACKEND_ROOT", "DISK_BACKEND_ROOT"] },
  }),
  keepFreeBytes: size({
    summary: "The node takes no new blobs while less than this is free on the disk.",
    default: "512MiB",
    legacy: { names: ["CASK_KEEP_FREE", "KEEP_FREE"], read: goBytes },
  }),
  maxBlobBytes: size({
    summary: "The largest blob that is taken.",
    default: "64GiB",
    legacy: { names: ["CASK_MAX_UPLOAD_SIZE", "MAX_UPLOAD_SIZE"], read: goBytes },
  }),
  uploadIdleMs: duration({
    summary: "An upload that sends nothing for this long is ended.",
    default: "30s",
    legacy: { names: ["CASK_READ_TIMEOUT", "READ_TIMEOUT"], read: goSeconds },
  }),
  s3Endpoint: url({
    summary: "The S3-compatible store's address.",
    example: "https://s3.example",
    unset: "Amazon's own",
  }),
  s3Region: text({ summary: "The region of the bucket.", default: "us-east-1" }),
  s3Bucket: text({
    summary: "The bucket that holds the blobs; needed when store is s3.",
    example: "blobs",
    legacy: { names: ["CASK_S3_BUCKET", "S3_BUCKET"] },
  }),
  s3Prefix: text({ summary: "What every object's name begins with.", default: "" }),
  s3AccessKey: secret({
    summary: "The access key of the bucket.",
    legacy: { names: ["CASK_S3_ACCESS_KEY", "S3_ACCESS_KEY"] },
  }),
  s3SecretKey: secret({
    summary: "The secret key of the bucket.",
    legacy: { names: ["CASK_S3_SECRET_KEY", "S3_SECRET_KEY"] },
  }),
  rebuildAfterMs: duration({
    summary: "A node that has been gone for this long has its copies made again elsewhere.",
    default: "10m",
  }),
  stableMs: duration({
    summary: "No surplus copy is dropped before the ring has been unchanged, with all its nodes there, for this long.",
    default: "10m",
  }),
  graceMs: duration({
    summary: "A surplus copy is kept at least this long before it may be dropped.",
    default: "1h",
  }),
  scrubEveryMs: duration({
    summary: "Every byte is read again and verified within this time.",
    default: "30d",
    max: "3650d",
  }),
  scrubPauseMs: duration({
    summary: "The scrub never pauses longer than this between two blobs, however few there are.",
    default: "1h",
    legacy: { names: ["CASK_AAE_INTERVAL", "AAE_INTERVAL"], read: goSeconds },
  }),
  verifyEveryMs: duration({
    summary: "A blob verified longer ago than this is verified before it is served.",
    default: "45d",
    max: "3650d",
  }),
  reconcileEveryMs: duration({
    summary: "What is on disk is compared with what is remembered of it once in this time.",
    default: "1d",
  }),
  exchangeEveryMs: duration({ summary: "Pause between two comparisons with all other nodes.", default: "5m" }),
  hedgeMs: duration({
    summary: "When a node asked for a blob sends nothing for this long, the next is asked too.",
    default: "150ms",
  }),
  askMs: duration({ summary: "How long a node may take to answer a short question.", default: "2s" }),
  peerTimeoutMs: duration({ summary: "A node that moves no byte for this long is given up.", default: "10s" }),
  settleMs: duration({
    summary: "Once the quorum has a blob, the other copies are waited for at most this long before the answer.",
    default: "500ms",
  }),
  joinOriginals: flag({
    summary:
      "Be a member of a cluster of original Cask nodes: gossip as they do, unencrypted, with the cluster's secret in it.",
    legacy: { names: standsIn, read: () => true },
  }),
  originalGossip: address({
    summary: "Where to gossip with originals.",
    default: "127.0.0.1:0",
    legacy: { names: ["CASK_GOSSIP_PORT", "GOSSIP_PORT"], read: goPort },
  }),
  originalNeighbors: list(address({ example: "10.0.0.2:8180" }), {
    summary: "Gossip addresses of original nodes.",
    legacy: { names: ["CASK_NEIGHBORS"] },
  }),
  originalSecret: secret({
    summary: "The secret of a cluster of originals; they send it to each other in clear.",
    legacy: { names: ["CASK_CLUSTER_SECRET", "CLUSTER_SECRET"] },
  }),
  originalFailureStatus: flag({
    summary: "Answer 200 with success:false, as the original did, when a write did not reach the quorum.",
    legacy: { names: standsIn, read: () => true },
  }),
  maxReplication: count({
    obsolete: true,
    summary: "Accepted from the predecessor and without effect: a copy is dropped on proof, not by position.",
    default: 0,
    legacy: { names: ["CASK_MAX_REPLICATION", "MAX_REPLICATION"], read: goInteger },
  }),
  heartbeatIntervalMs: duration({
    obsolete: true,
    summary: "Accepted from the predecessor and without effect, as it was there.",
    default: "60s",
    legacy: { names: ["CASK_HEARTBEAT_INTERVAL", "HEARTBEAT_INTERVAL"], read: goSeconds },
  }),
  maxProcs: count({
    obsolete: true,
    summary:
      "Accepted from the predecessor and without effect: disk and network work runs beside the program's one thread.",
    default: 0,
    legacy: { names: ["CASK_MAX_PROCS", "MAX_PROCS"], read: goInteger },
  }),
  writeTimeoutMs: duration({
    obsolete: true,
    summary: "Accepted from the predecessor and without effect: a download may take as long as it moves.",
    default: "20s",
    legacy: { names: ["CASK_WRITE_TIMEOUT", "WRITE_TIMEOUT"], read: goSeconds },
  }),
} as const;

/** The options of Cask. */
export type CaskOptions = OptionsOf<typeof fields>;

const tlsBoth = (environment: Readonly<Record<string, string | undefined>>) =>
  (environment.CASK_BASE_URL ?? environment.BASE_URL ?? "").startsWith("https:") &&
  Boolean(environment.CASK_SSL_CERT ?? environment.SSL_CERT ?? environment.CASK_SSL_CERTIFICATE) &&
  Boolean(environment.CASK_SSL_KEY ?? environment.SSL_KEY);

/** The section `[cask]`. */
export const caskSection = section(
  "cask",
  "keeps files under the hash of their content, with copies on several machines, and heals itself",
  fields,
  (options) => {
    const faults: string[] = [];
    if (options.quorum > options.copies) {
      faults.push(`quorum is ${options.quorum} and copies is ${options.copies}: wanted a quorum of at most the copies`);
    }
    if (options.store === "s3" && !(options.s3Bucket && options.s3AccessKey && options.s3SecretKey)) {
      faults.push('store is "s3": wanted s3_bucket, s3_access_key and s3_secret_key too');
    }
    if (options.verifyEveryMs < options.scrubEveryMs) {
      faults.push("verify_every is shorter than scrub_every: wanted at least as long, or reads wait for verification");
    }
    return faults;
  },
  {
    nodeLegacy: {
      listen: { names: ["CASK_PORT"], read: goPort },
      id: { names: ["CASK_UUID"] },
      advertise: { names: ["CASK_BASE_URL", "BASE_URL"] },
      tlsCertificate: {
        names: ["CASK_SSL_CERT", "SSL_CERT", "CASK_SSL_CERTIFICATE"],
        read: (value, environment) => (tlsBoth(environment) ? value : undefined),
      },
      tlsKey: {
        names: ["CASK_SSL_KEY", "SSL_KEY"],
        read: (value, environment) => (tlsBoth(environment) ? value : undefined),
      },
    },
  },
);
