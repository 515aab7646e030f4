import { Fault } from '#kernel';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many files are open',
  ENOTDIR: 'a directory of it is a file',
  EISDIR: 'it is a directory',
  ENOENT: 'it is not there',
};

/** A refusal of the operating system that no room has put into words: the path and the reason, not a stack. */
export function systemFault(error: unknown): Fault | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  const reason = REASONS[String(error.code)];
  if (reason === undefined) return undefined;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  const place = 'path' in error && typeof error.path === 'string' ? error.path : 'a file';
  const sentence = `${place} cannot be used (${String(error.syscall)}): ${reason}`;
  return new Fault(full ? 'DISK_FULL' : 'DIRECTORY_UNWRITABLE', sentence, { cause: error });
}
