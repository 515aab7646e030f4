import type { TxnContext } from './gate-workload.ts';

/** First object id that is not the system's own (`FirstNormalObjectId`). */
const FIRST_USER_OBJECT = 16_384;
const CHANGES = /^(?:INSERT|UPDATE|DELETE|MERGE|COPY)\b/;

/** What is known of the transaction that a session is in. */
export class Transaction {
  context: TxnContext | undefined;
  /** Transaction id that the context is bound to. */
  xid: string | undefined;
  traceparent: string | undefined;
  /** A table of the users' was read or changed. */
  touched = false;
  /** Its lack of a context has been reported. */
  reported = false;

  onRowDescription(body: Buffer): void {
    if (tableIds(body).some((id) => id >= FIRST_USER_OBJECT)) this.touched = true;
  }

  onCommand(tag: string): void {
    if (CHANGES.test(tag)) this.touched = true;
  }

  /** Whether the client must be told now that it worked without a context. True once. */
  lacksContext(): boolean {
    const lacks = this.touched && this.context === undefined && !this.reported;
    this.reported ||= lacks;
    return lacks;
  }
}

/** Object ids of the tables that the columns of a RowDescription come from. */
function tableIds(body: Buffer): readonly number[] {
  const ids: number[] = [];
  let offset = 2;
  while (offset < body.length) {
    const end = body.indexOf(0, offset);
    if (end < 0 || end + 19 > body.length) break;
    ids.push(body.readUInt32BE(end + 1));
    offset = end + 19;
  }
  return ids;
}
