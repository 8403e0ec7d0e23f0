/**
 * `warren systemd`: a unit for this node, printed to be put into /etc/systemd/system. The program may write its data and
 * nothing else, gain no privilege, and see no one's home; it is restarted when it fails or its event loop stands still.
 * Left out on purpose: MemoryDenyWriteExecute, because the JavaScript engine makes code while it runs.
 */
import { Fault } from "../fault.ts";
import type { VerbResult } from "./check.ts";

/** What the unit is about. */
export interface UnitOptions {
  /** Program and arguments; the program by its absolute path. The data folder should be among the arguments. */
  command: readonly string[];
  /** Absolute. `/var/lib/<name>` is made and owned by systemd; any other must belong to `user`. */
  dataFolder: string;
  /** Whom the node runs as; a user of its own that systemd makes up when absent. */
  user?: string | undefined;
  /** Further files and folders that are only read but may lie in a home, such as the configuration. */
  reads?: readonly string[];
  /** Ports it listens on; one below 1024 needs a permission of its own. */
  ports?: readonly number[];
  /** How long a stopping node may take, ms. @default 30_000 */
  stopTimeoutMs?: number;
  /** The word for the unit and its state folder. @default "warren" */
  name?: string;
}

/** The unit as text. Faults: `warren/unit-invalid`. */
export function systemdVerb(options: UnitOptions): VerbResult {
  const name = options.name ?? "warren";
  const [program = ""] = options.command;
  const stateFolder = `/var/lib/${name}`;
  const inState = options.dataFolder === stateFolder;
  for (const path of [program, options.dataFolder]) {
    if (!path.startsWith("/") || /[\n\r\0]/.test(path)) throw refusal(`"${path}" is no absolute path`);
  }
  if (!inState && options.user === undefined) {
    throw refusal(
      `data folder "${options.dataFolder}" needs an owner: name a user with --user, or keep the data in ${stateFolder}`,
    );
  }
  const inHome = [program, options.dataFolder, ...(options.reads ?? [])].some((path) =>
    /^\/(home|root|run\/user)\//.test(path),
  );
  const lowPort = options.ports?.some((port) => port > 0 && port < 1024) ?? false;
  const stopSeconds = Math.ceil((options.stopTimeoutMs ?? 30_000) / 1000) + 10;

  const lines = [
    `# /etc/systemd/system/${name}.service, then: systemctl daemon-reload && systemctl enable --now ${name}`,
    "[Unit]",
    "Description=Warren, the server room of a small team in one program",
    "After=network-online.target",
    "Wants=network-online.target",
    "",
    "[Service]",
    "Type=notify",
    "NotifyAccess=main",
    `ExecStart=${options.command.map(quoted).join(" ")}`,
    options.user === undefined ? "DynamicUser=yes" : `User=${specifiersEscaped(options.user)}`,
    inState ? `StateDirectory=${name}` : `ReadWritePaths=${quoted(options.dataFolder)}`,
    ...(inState ? ["StateDirectoryMode=0700"] : []),
    `WorkingDirectory=${inState ? `%S/${name}` : specifiersEscaped(options.dataFolder)}`,
    "Restart=on-failure",
    "RestartSec=2s",
    // A process that decodes an image is the first to go when memory is short, and is started again; the rest stays.
    "OOMPolicy=continue",
    "WatchdogSec=60s",
    `TimeoutStopSec=${stopSeconds}s`,
    "TimeoutStartSec=10min",
    "LimitNOFILE=65536",
    "UMask=0077",
    "",
    "# What it may not do",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    `ProtectHome=${inHome ? "read-only" : "yes"}`,
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "LockPersonality=yes",
    "RemoveIPC=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    `CapabilityBoundingSet=${lowPort ? "CAP_NET_BIND_SERVICE" : ""}`,
    `AmbientCapabilities=${lowPort ? "CAP_NET_BIND_SERVICE" : ""}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ];
  return { text: lines.join("\n"), exitCode: 0 };
}

/** An argument as unit files want it: specifiers and variables escaped, quoted where a blank or quote is in it. */
function quoted(argument: string): string {
  const escaped = specifiersEscaped(argument).replaceAll("$", "$$$$");
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped;
  const inner = escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `"${inner}"`;
}

function specifiersEscaped(text: string): string {
  return text.replaceAll("%", "%%");
}

function refusal(reason: string): Fault {
  return new Fault("invalid", "warren/unit-invalid", `Cannot write a unit: ${reason}`);
}
