/** Sample views of Reticulum's pages: a well-filled node, one in trouble, nothing at all, hostile and endless names. */
import type {
  CopiesView,
  ImageView,
  LightTableView,
  PictureView,
  PrintView,
  StateView,
} from "../../src/storage/reticulum/pages/view.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const frame = { mountPath: "/reticulum", now };
const mib = 2 ** 20;
const hashOf = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** A picture that needs no server. */
function picture(width: number, height: number): PictureView {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#4a7a8c"/><circle cx="70%" cy="35%" r="18%" fill="#f2d16b"/></svg>`;
  return { src: `data:image/svg+xml;base64,${btoa(svg)}`, width, height };
}

function print(name: string, facts: Partial<PrintView> = {}): PrintView {
  return {
    hash: hashOf(name),
    name,
    picture: picture(200, 200),
    colour: "#4a7a8c",
    format: "jpeg",
    width: 4000,
    height: 3000,
    pages: 1,
    bytes: 2.4 * mib,
    uploadedAt: now - 400_000,
    ...facts,
  };
}

const hostile = `${hostileName} ${"very-long-".repeat(20)}name.jpg`;

const table: LightTableView = {
  ...frame,
  verdict: { tone: "good", sentence: "4,217 images came in through this node; 12,034 results are kept, 1.21 GiB." },
  prints: [
    print("harbour.jpg"),
    print("IMG_2041.jpg", { width: 3000, height: 4000 }),
    print("flame.gif", { format: "gif", width: 320, height: 240, pages: 48, bytes: 812_000 }),
    print("", { format: "webp", colour: "#f2e9da" }),
    print("not decoded.avif", { format: "avif", picture: undefined, colour: "#222831" }),
  ],
  uploaded: 4217,
  older: "/reticulum/?before=1-sha256:0#images",
  keyWanted: false,
  maxUploadBytes: 64 * mib,
};

/** Views of the light table. */
export const lightTableSamples: Record<string, LightTableView> = {
  well: table,
  keys: { ...table, keyWanted: true, newer: "/reticulum/", prints: table.prints.slice(0, 2) },
  trouble: {
    ...table,
    verdict: {
      tone: "warn",
      sentence:
        "240 of 256 places in the queue are taken: more requests for new sizes will be refused; allow fewer sizes, or raise workers in [reticulum].",
    },
    refusal: "Cannot read the image: it is a HEIC, which is not taken; wanted JPEG, PNG, GIF, WebP or AVIF.",
    keyWanted: true,
  },
  empty: {
    ...table,
    verdict: { tone: "good", sentence: "Ready for the first image." },
    prints: [],
    uploaded: 0,
    older: undefined,
  },
  beyond: { ...table, prints: [], newer: "/reticulum/", older: undefined },
  mark: { ...table, prints: [], newer: "/reticulum/", listFailure: "That is no mark of a page of this list." },
  hostile: { ...table, prints: [print(hostile), print(hostileName, { pages: 512 })] },
};

const url = `http://img.example/reticulum/image/${hashOf("harbour")}/640w/harbour.jpg`;

const image: ImageView = {
  ...frame,
  hash: hashOf("harbour"),
  key: `sha256:${hashOf("harbour")}`,
  name: "harbour.jpg",
  format: "jpeg",
  extension: "jpg",
  bytes: 2_412_000,
  width: 4000,
  height: 3000,
  orientation: 6,
  pages: 1,
  hasAlpha: false,
  hasProfile: true,
  colour: "#4a7a8c",
  thumbHash: "1QcSHQRnh493V4dIh4eXh1h4kJUI",
  blurHash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
  thumbPicture: picture(32, 24).src,
  blurPicture: picture(32, 24).src,
  uploadedAt: now - 7_200_000,
  fullUrl: "/reticulum/image/x/full/harbour.jpg",
  trial: {
    size: "640w",
    format: "jpeg",
    pixelRatio: 1,
    made: {
      picture: picture(640, 480),
      url,
      line: `<img src="${url}" width="640" height="480" alt="">`,
      format: "jpeg",
      width: 640,
      height: 480,
      pages: 1,
      bytes: 61_204,
    },
  },
  formats: ["jpeg", "png", "gif", "webp", "avif"],
  negotiated: ["avif", "webp"],
  strip: [
    { size: "100s", picture: picture(100, 100) },
    { size: "200s", picture: picture(200, 200) },
    { size: "200w100h", picture: picture(133, 100) },
  ],
  sourceSet: `<img src="${url}" srcset="${url} 320w, ${url} 640w, ${url} 960w, ${url} 1280w" sizes="100vw" width="1280" height="960" alt="" loading="lazy">`,
  focus: { x: 0.7, y: 0.35 },
  whole: picture(320, 240),
  square: picture(100, 100),
  mayWrite: true,
  takenAt: "2006-12-23T13:16:26+01:00",
  tags: [
    { name: "Make", value: "PENTAX Corporation", text: "PENTAX Corporation", alias: "Camera Make" },
    { name: "ExposureTime", value: 0.125, text: "1/8", alias: "Exposure Time" },
    { name: "FNumber", value: 2.6, text: "f/2.6", alias: "F Number" },
  ],
  warnings: ["The directory of the thumbnail was left out: it lies beyond the end of the block"],
  location: { latitude: 51.5, longitude: -0.1166667, altitudeMetres: 35 },
  locationTags: [{ name: "GPSMapDatum", value: "WGS-84", text: "WGS-84" }],
  isLocationHidden: false,
  kept: [
    { size: "640w", format: "jpeg", width: 640, height: 480, bytes: 61_204 },
    { size: "100s", format: "avif", width: 100, height: 100, bytes: 1840 },
  ],
};

/** Views of the page of an image. */
export const imageSamples: Record<string, ImageView> = {
  well: image,
  stored: { ...image, done: "Stored. The original is safe in Cask.", focus: undefined },
  spelt: { ...image, trial: { ...image.trial, size: " 0640w", normal: "640w" } },
  wrong: {
    ...image,
    trial: {
      size: "huge",
      format: "jpeg",
      pixelRatio: 1,
      failure: "“huge” is no size: wanted full, or a number with w, h or s behind it",
    },
  },
  trouble: {
    ...image,
    trial: {
      size: "20000w",
      format: "jpeg",
      pixelRatio: 1,
      refusal: "Cannot make the image 20000 by 15000 pixels: at most 8192 to a side and 40000000 in all are made.",
    },
    mayWrite: false,
    formats: ["jpeg"],
    negotiated: [],
    strip: [],
    sourceSet: undefined,
    uploadedAt: undefined,
    tags: [],
    takenAt: undefined,
    location: undefined,
    locationTags: [],
    isLocationHidden: true,
    kept: [],
  },
  hostile: {
    ...image,
    name: hostile,
    tags: [
      { name: hostileName, value: hostile, text: hostile, alias: hostileName },
      { name: "UserComment", value: "x", text: "x".repeat(400) },
    ],
    trial: { ...image.trial, size: hostileName },
  },
};

const id = "be719179-4068-42d5-ac63-4688db6b07a1";

/** Views of the report on copies. */
export const copiesSamples: Record<string, CopiesView> = {
  well: {
    ...frame,
    hash: hashOf("harbour"),
    key: `sha256:${hashOf("harbour")}`,
    name: "harbour.jpg",
    bytes: 2_412_000,
    wanted: 3,
    copies: ["heron", "badger", "otter"].map((node, at) => ({
      node,
      id: id.replace("be", `b${at}`),
      url: `http://10.0.0.1${at}:4100/cask`,
      self: at === 0,
      owner: true,
      held: true,
      verifiedAt: now - 3_600_000 * (at + 1),
    })),
    picture: picture(100, 100),
    caskPages: "/cask",
  },
  trouble: {
    ...frame,
    hash: hashOf("harbour"),
    key: `sha256:${hashOf("harbour")}`,
    name: "",
    bytes: 2_412_000,
    wanted: 3,
    copies: [
      { node: "heron", id, url: "http://10.0.0.11:4100/cask", self: true, owner: true, held: true },
      { node: hostileName, id: hostile, url: "javascript:alert(1)", self: false, owner: true, held: false },
      { node: "otter", id, url: "http://10.0.0.13:4100/cask", self: false, owner: true, held: undefined },
      { node: "badger", id, url: "http://10.0.0.14:4100/cask", self: false, owner: false, held: false },
    ],
  },
};

const state: StateView = {
  ...frame,
  verdict: { tone: "good", sentence: "Keeps 12,034 results; 2 processes decode images." },
  findings: [{ name: "images", tone: "good", sentence: "Keeps 12,034 results; 2 processes decode images." }],
  served: { ready: 1_204_118, kept: 88_201, made: 12_034, original: 9120 },
  results: { count: 12_034, contents: 11_877, bytes: 1.3e9, maxBytes: 2 ** 31, evicted: 0, torn: 0 },
  memory: { answers: 4211, bytes: 63 * mib, maxBytes: 64 * mib },
  engine: { processes: 2, busy: 1, waiting: 12, waitingMax: 256, restarts: 0, done: 14_220, failed: 0, refused: 0 },
  making: { underWay: 3, joined: 4120 },
  images: { known: 4630, uploaded: 4217, refused: 12 },
  workers: [
    {
      name: "notes",
      summary: "asks the other nodes for notes on images that this one does not have",
      state: "waiting",
    },
    { name: "search", summary: "looks for notes on images among the small blobs of Cask", state: "working" },
    { name: "refine", summary: "makes AVIF results smaller that were made in a hurry", state: "idle" },
  ],
  cask: "of this program",
  algorithm: "sha256",
  urls: "any",
};

/** Views of the page of the node's state. */
export const reticulumStateSamples: Record<string, StateView> = {
  well: state,
  trouble: {
    ...state,
    verdict: { tone: "warn", sentence: "240 of 256 places in the queue are taken." },
    findings: [
      { name: "images", tone: "warn", sentence: "240 of 256 places in the queue are taken." },
      { name: "secret", tone: "bad", sentence: `Notes do not come: ${hostile}.` },
    ],
    results: { ...state.results, bytes: 2 ** 31, evicted: 88_120, torn: 3 },
    engine: { ...state.engine, busy: 2, waiting: 240, restarts: 7, failed: 311, refused: 4120 },
    workers: [{ name: "search", summary: "looks", state: "failing", failure: `Cask does not answer: ${hostile}` }],
    cask: "http://store-1.example:4100/cask, http://store-2.example:4100/cask",
    algorithm: "sha1",
    urls: "full, 100s, 200w100h; others in signed URLs",
  },
  empty: {
    ...state,
    served: { ready: 0, kept: 0, made: 0, original: 0 },
    workers: [],
  },
};
