/**
 * What the console shows of a node, as plain values. Whoever runs the node fills it; the console knows no service by
 * name and asks nothing else.
 */
import type { NodeEvent } from "../../kit/events.ts";
import type { Finding, ServiceGroup } from "../../kit/service.ts";
import type { Worker } from "../../kit/worker.ts";

/** The node, its services and what happened to them. */
export interface NodeView {
  name: string;
  version: string;
  /** Epoch ms. */
  startedAt: number;
  uptimeMs: number;
  /** In the order in which they are shown. */
  services: readonly ServiceView[];
  /** Findings about the node itself: disk, clock, peers, open files. */
  findings?: readonly Finding[];
  /** Oldest first. */
  events: readonly NodeEvent[];
  /** Where the node listens, beyond what the services say. */
  addresses: readonly { purpose: string; address: string }[];
  /** Resident memory of the process. */
  memoryBytes: number;
}

/** One service of the node, running or not. */
export interface ServiceView {
  name: string;
  summary: string;
  group: ServiceGroup;
  state: "starting" | "running" | "stopping" | "stopped" | "failed" | "off";
  /** Where it is reached, as people would write it; undefined when it does not listen. */
  address?: string | undefined;
  /** Its pages, when it has some. */
  href?: string | undefined;
  /** Why it failed to start, as a sentence. */
  failure?: string | undefined;
  facts: Record<string, string>;
  findings: readonly Finding[];
  workers: readonly WorkerView[];
}

/** Background work of a service. */
export interface WorkerView {
  name: string;
  summary: string;
  state: ReturnType<Worker["state"]>;
  failures: { count: number; reason: string };
  progress: Record<string, string | number>;
}

/** A worker as it is at this moment. */
export function workerView(worker: Worker): WorkerView {
  return {
    name: worker.name,
    summary: worker.summary,
    state: worker.state(),
    failures: worker.failures(),
    progress: worker.progress(),
  };
}
