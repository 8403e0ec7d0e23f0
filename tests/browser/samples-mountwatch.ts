/** Sample views of Mountwatch's page: a well-kept machine, one in trouble, nothing at all, hostile and endless words. */
import type { OverviewView } from "../../src/signals/mountwatch/pages/overview.tsx";
import type { FolderView } from "../../src/signals/mountwatch/rounds.ts";
import type { Condition } from "../../src/signals/mountwatch/verdict.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const gib = 2 ** 30;
const endless = "x".repeat(300);

function folder(
  path: string,
  condition: Condition,
  reason: string,
  usedShare: number,
  facts: Partial<FolderView> = {},
): FolderView {
  return {
    watched: {
      path,
      metric: "m",
      mounted: undefined,
      writable: undefined,
      write: false,
      fullShare: 0.95,
      nearlyFullShare: 0.9,
      slowMs: 1000,
      isFound: true,
    },
    mount: { device: "8:1", mountPoint: path, fsType: "ext4", source: "/dev/sda1", isReadOnly: false },
    under: undefined,
    answer: {
      kind: "seen",
      latencyMs: 2,
      isOwnDevice: true,
      totalBytes: 100 * gib,
      usedBytes: usedShare * 100 * gib,
      availableBytes: (1 - usedShare) * 100 * gib,
      inodes: 1_000_000,
      freeInodes: 812_345,
    },
    verdict: { condition, reasons: [reason], isBroken: false, isMounted: true },
    lookedAt: sampleNow - 20_000,
    sinceAt: sampleNow - 90_000_000,
    ...facts,
  };
}

const view = (folders: readonly FolderView[]): OverviewView => ({
  mountPath: "/mountwatch",
  now: sampleNow,
  folders,
  intervalMs: 60_000,
});
const hung = {
  answer: { kind: "hung", afterMs: 10_000 },
  verdict: {
    condition: "bad",
    reasons: ["No answer within 10 s: the disk or its server hangs"],
    isBroken: true,
    isMounted: true,
  },
} as const;

/** The page. */
export const mountwatchSamples: Record<string, OverviewView> = {
  well: view([
    folder("/", "good", "Mounted and answering", 0.41),
    folder("/mnt/sata1", "good", "Mounted and answering", 0.72),
  ]),
  trouble: view([
    folder("/", "warn", "Space: 92.4 % used, 7.60 GiB left", 0.924),
    folder("/mnt/nas", "bad", "", 0, hung),
    folder("/mnt/usb", "bad", "Nothing is mounted here, and fstab says that it should be", 0.2, {
      mount: undefined,
      verdict: {
        condition: "bad",
        reasons: ["Nothing is mounted here, and fstab says that it should be"],
        isBroken: true,
        isMounted: false,
      },
    }),
    folder("/srv/new", "good", "", 0, { answer: undefined, verdict: undefined }),
  ]),
  empty: view([]),
  hostile: view([folder(`/mnt/${hostileName}/${endless}`, "bad", `${hostileName} ${endless}`, 1)]),
};
