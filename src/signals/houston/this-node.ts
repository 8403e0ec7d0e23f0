/**
 * The dashboard that is there on a fresh machine: what series gathers of its host (`server.<host>`) and of Warren itself
 * (`warren.<host>`), and what statsd, the checks and the mounts say. Sections show up when the source knows something for
 * them, so that it is never a page of empty charts.
 */
import type { WrittenDashboard } from "./written.ts";

const host = "server.$host";
const own = "warren.$host";

/** "This node". */
export const thisNode: WrittenDashboard = {
  title: "This node",
  note: "What Warren measures of its host and of itself. Sections appear as figures come in.",
  range: "-3h",
  refresh: "30s",
  variables: { host: { label: "Host", find: "server.*" } },
  graphs: {
    lines: { attrs: { yMin: 0 } },
    area: { parents: ["lines"], attrs: { areaMode: "first" } },
    stack: { parents: ["lines"], attrs: { areaMode: "stacked" } },
    load: {
      title: "Load",
      parents: ["area"],
      targets: [`aliasByNode(${host}.cpu.load_average.{1_minute,5_minutes,15_minutes}, 4)`],
    },
    processor: {
      title: "Processor",
      parents: ["stack"],
      unit: "percent",
      targets: [`aliasByNode(${host}.cpu.total.{user,nice,system,iowait,irq,softirq,steal}.percent, 4)`],
    },
    memory: {
      title: "Memory",
      parents: ["lines"],
      unit: "bytes",
      targets: [`aliasByNode(${host}.memory.{MemTotal,MemAvailable,MemFree,Cached}.bytes, 3)`],
    },
    swap: {
      title: "Swap in use",
      parents: ["area"],
      unit: "bytes",
      targets: [`alias(diffSeries(${host}.memory.SwapTotal.bytes, ${host}.memory.SwapFree.bytes), "used")`],
    },
    room: {
      title: "Room that is used",
      parents: ["lines"],
      unit: "percent",
      attrs: { yMax: 100 },
      targets: [
        `alias(asPercent(${host}.disk.usage.used, ${host}.disk.usage.total), "/")`,
        `alias(asPercent(${host}.disk.data.used, ${host}.disk.data.total), "data")`,
      ],
      thresholds: [
        { value: 80, label: "80 %", tone: "warn" },
        { value: 95, label: "95 %", tone: "bad" },
      ],
    },
    disks: {
      title: "Read and written",
      parents: ["lines"],
      unit: "bytes-per-second",
      targets: [`aliasByNode(perSecond(${host}.disk.io.*.{reads,writes}.byte_count), 4, 5)`],
    },
    network: {
      title: "Received and sent",
      parents: ["lines"],
      unit: "bytes-per-second",
      targets: [`aliasByNode(perSecond(${host}.network.*.{receive,transmit}.byte_count), 3, 4)`],
    },
    refused: {
      title: "Errors and drops",
      parents: ["lines"],
      unit: "per-second",
      targets: [`aliasByNode(perSecond(${host}.network.*.*.{error,drop}_count), 3, 4, 5)`],
    },
    resident: {
      title: "Memory of Warren",
      parents: ["area"],
      unit: "bytes",
      targets: [`alias(${own}.process.resident_memory_bytes, "resident")`],
    },
    busy: {
      title: "Processor time of Warren",
      parents: ["area"],
      unit: "percent",
      targets: [`alias(scale(perSecond(${own}.process.cpu_seconds), 100), "of one core")`],
    },
    points: {
      title: "Points kept by series",
      parents: ["lines"],
      unit: "per-second",
      targets: [`alias(perSecond(${own}.series.points_total), "points")`],
    },
    packets: {
      title: "statsd: packets, lines and bad lines",
      parents: ["lines"],
      unit: "per-second",
      targets: [`aliasByNode(perSecond(${own}.statsd.{packets,lines,bad_lines}_total), 3)`],
    },
    up: {
      title: "Checks that are up",
      parents: ["lines"],
      attrs: { lineMode: "staircase", yMax: 1.1 },
      targets: [`aliasByNode(${own}.chimney.up.*, 4)`],
    },
    latency: {
      title: "Checks: time to answer",
      parents: ["lines"],
      unit: "seconds",
      targets: [`aliasByNode(${own}.chimney.latency_seconds.*, 4)`],
    },
    mounts: {
      title: "Mounts: bytes available",
      parents: ["lines"],
      unit: "bytes",
      targets: [`aliasByNode(${own}.mountwatch.available_bytes.*, 4)`],
    },
    mounttimes: {
      title: "Mounts: time to answer",
      parents: ["lines"],
      unit: "seconds",
      targets: [`aliasByNode(${own}.mountwatch.latency_seconds.*, 4)`],
    },
  },
  sections: [
    { label: "Processor and memory", needs: `${host}.cpu.*`, graphs: ["load", "processor", "memory", "swap"] },
    { label: "Disks", needs: `${host}.disk.*`, graphs: ["room", "disks"] },
    { label: "Network", needs: `${host}.network.*`, graphs: ["network", "refused"] },
    { label: "Warren", needs: `${own}.process.*`, graphs: ["resident", "busy", "points"] },
    { label: "statsd", needs: `${own}.statsd.packets*`, graphs: ["packets"] },
    { label: "Checks", needs: `${own}.chimney.up.*`, graphs: ["up", "latency"] },
    { label: "Mounts", needs: `${own}.mountwatch.available_bytes.*`, graphs: ["mounts", "mounttimes"] },
  ],
};
