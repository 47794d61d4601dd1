// The file system's errors in plain words.

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a part of the path is a file",
  EFBIG: "the file would be larger than the system allows",
  EMFILE: "too many files are open",
};

const fileHints: Readonly<Record<string, string>> = {
  EACCES: "Make the folder writable, or put the recipe in one that is.",
  EPERM: "Make the folder writable, or put the recipe in one that is.",
  EROFS: "Put the recipe and its output on a file system that can be written to.",
  ENOSPC: "Free some space and go on with --resume; files written before are intact.",
  EDQUOT: "Free some space and go on with --resume; files written before are intact.",
};

/** What to do about a file that a recipe names and that does not exist. */
export const relativePaths = "Check the path; it is taken relative to the recipe's folder.";

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** What the file system's error means, in words. */
export function fileReason(cause: unknown): string {
  return fileReasons[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
}

/** What a person can do about it; undefined where the reason says it all. */
export function fileHint(cause: unknown): string | undefined {
  return fileHints[codeOf(cause)];
}
