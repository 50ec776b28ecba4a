export type { Gap, GapReason, Member, MemberEvent, MemberMetadata, MemberStatus } from './membership/member.js';
