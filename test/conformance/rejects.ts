import assert from 'node:assert/strict';
import { faultCode } from '#kernel';

/** The attempt ends in a fault with exactly this code. */
export function rejects(attempt: () => unknown, code: string): void {
  assert.throws(attempt, (error) => faultCode(error) === code || assert.fail(`${faultCode(error)}: ${error}`));
}

/** The same for a promise. */
export function rejectsLater(attempt: () => Promise<unknown>, code: string): Promise<void> {
  return assert.rejects(attempt, (error) => faultCode(error) === code || assert.fail(`${faultCode(error)}: ${error}`));
}
