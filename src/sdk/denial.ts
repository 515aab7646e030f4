import { isReasonCode, type ReasonCodeName, reasonCode } from '#chain';
import type { Fault } from '#kernel';

/** The fault's code where it is registered: nothing else leaves this process. */
export function codeOf(fault: Fault): ReasonCodeName {
  return isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
}

/** What a denied caller is told: code, meaning, id; nothing of the rule. */
export function denialBody(fault: Fault, id: string): string {
  return JSON.stringify({ code: codeOf(fault), message: reasonCode(codeOf(fault)).meaning, id });
}
