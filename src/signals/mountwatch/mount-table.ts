/**
 * The kernel's table of mounts and the administrator's list of what should be mounted. Reading them touches no mounted
 * file system, so a hung one cannot hold them up. Source: proc(5) on /proc/<pid>/mountinfo, fstab(5).
 */

/** A mount as the kernel has it. */
export interface Mount {
  /** `major:minor`; what is mounted twice has it twice. */
  readonly device: string;
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
  /** By the mount, or by the file system as a whole: a failing disk makes the latter so. */
  readonly isReadOnly: boolean;
}

/** A line of fstab that says what is to be mounted at a start. */
export interface Wanted {
  readonly mountPoint: string;
  readonly source: string;
  readonly fsType: string;
  readonly isReadOnly: boolean;
}

/**
 * Reads `/proc/self/mountinfo`; lines of another form are left out, and so are mounts that no path leads to, for another
 * covers them or a folder above them. Of several at one place the last one covers the others.
 */
export function parseMountTable(text: string): Mount[] {
  const mounts = new Map<string, Mount>();
  const lines = text.split("\n").map((line) => line.split(" - "));
  const isHidden = hiddenTeller(lines.map(([before = ""]) => before.split(" ")));
  for (const [position, [before = "", after = ""]] of lines.entries()) {
    if (isHidden(position)) continue;
    const [, , device, , mountPoint, options] = before.split(" ");
    const [fsType, source, superOptions] = after.split(" ");
    if (device === undefined || mountPoint === undefined || options === undefined || !fsType) continue;
    const point = unescaped(mountPoint);
    // What it lay on was removed: no path leads there.
    if (point.endsWith("//deleted")) continue;
    mounts.delete(point);
    mounts.set(point, {
      device,
      mountPoint: point,
      fsType,
      source: unescaped(source ?? ""),
      isReadOnly: hasOption(options, "ro") || hasOption(superOptions ?? "", "ro"),
    });
  }
  return [...mounts.values()];
}

/**
 * Tells of each line of the table whether its mount is out of reach. A mount lies on another, its parent; it is hidden
 * when the parent is, when a later one lies on the parent's very place, or when a sibling lies above it in the tree.
 */
function hiddenTeller(rows: readonly (readonly string[])[]): (position: number) => boolean {
  const positions = new Map<string, number>();
  /** By parent: the places that its children cover, each with the last that does. */
  const covers = new Map<string, Map<string, number>>();
  for (const [position, [id = "", parent = "", , , place]] of rows.entries()) {
    if (place === undefined) continue;
    positions.set(id, position);
    const covered = covers.get(parent);
    if (covered) covered.set(place, position);
    else covers.set(parent, new Map([[place, position]]));
  }
  const known = new Map<number, boolean>();
  const isHidden = (position: number): boolean => {
    const before = known.get(position);
    if (before !== undefined) return before;
    // A table in which mounts lie on each other in a circle hides nothing.
    known.set(position, false);
    const [, parent = "", , , place = ""] = rows[position] ?? [];
    const above = positions.get(parent);
    const siblings = covers.get(parent);
    const parentPlace = above === undefined ? undefined : rows[above]?.[4];
    let found = above !== undefined && above !== position && isHidden(above);
    for (let at = place; !found && at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const other = siblings?.get(at);
      // Of two on one place the later; of one above the other the upper, for the lower was there first.
      found = other !== undefined && other !== position && (at !== place || other > position) && at !== parentPlace;
    }
    if (!found && parentPlace !== undefined && parentPlace !== place) {
      const over = siblings?.get(parentPlace);
      found = over !== undefined && over !== position;
    }
    known.set(position, found);
    return found;
  };
  return isHidden;
}

/** Reads fstab: what is mounted at a start, with a place of its own. */
export function parseFstab(text: string): Wanted[] {
  const wanted: Wanted[] = [];
  for (const line of text.split("\n")) {
    const [source = "", mountPoint = "", fsType = "", options = ""] = line.trim().split(/\s+/);
    if (source.startsWith("#") || !mountPoint.startsWith("/") || hasOption(options, "noauto")) continue;
    wanted.push({
      mountPoint: plainPath(unescaped(mountPoint)),
      source: unescaped(source),
      fsType,
      isReadOnly: hasOption(options, "ro"),
    });
  }
  return wanted;
}

/** The mount that a path lies on: the one with the longest mount point above it. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const point = mount.mountPoint === "/" ? "/" : `${mount.mountPoint}/`;
    if (!`${path}/`.startsWith(point) && path !== mount.mountPoint) continue;
    if (!found || mount.mountPoint.length > found.mountPoint.length) found = mount;
  }
  return found;
}

/** Network and other file systems without a device under /dev that hold people's files. */
const remote =
  /^(?:nfs4?|cifs|smb3|ceph|glusterfs|9p|virtiofs|zfs|lustre|afs|beegfs|fuse\.(?!gvfsd|portal|snapfuse|lxcfs|xdg).+)$/;
/** Pictures of file systems, which are full and read-only by nature. */
const pictures = new Set(["squashfs", "iso9660", "erofs", "udf"]);
const inner = /^\/(?:proc|sys|dev|run|snap|var\/lib\/(?:docker|containers|kubelet|containerd))(?:\/|$)/;

/** The mounts that hold people's files, each device once, by its shortest place. */
export function realMounts(mounts: readonly Mount[]): Mount[] {
  const chosen = new Map<string, Mount>();
  for (const mount of mounts) {
    const { device, fsType, mountPoint, source } = mount;
    const isReal = source.startsWith("/dev/") || remote.test(fsType) || mountPoint === "/";
    if (!isReal || pictures.has(fsType) || inner.test(mountPoint)) continue;
    const before = chosen.get(device);
    if (!before || mountPoint.length < before.mountPoint.length) chosen.set(device, mount);
  }
  return [...chosen.values()];
}

/** Whether fstab says that something with people's files is to be mounted there. */
export function isRealWanted({ fsType, mountPoint, source }: Wanted): boolean {
  const isReal =
    source.startsWith("/dev/") || /^(?:UUID|LABEL|PARTUUID|PARTLABEL)=/.test(source) || remote.test(fsType);
  return isReal && fsType !== "swap" && !pictures.has(fsType) && !inner.test(mountPoint);
}

/** A path without slashes that say nothing. */
export function plainPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}

function hasOption(options: string, option: string): boolean {
  return options.split(",").includes(option);
}

/** Space, tab, line end and backslash stand in both files as a backslash and three octal digits of a byte. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
