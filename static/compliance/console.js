/**
 * The compliance console: what an officer has in the place of rooms. Fetched by accounts that may manage holds.
 *
 * @import { Workroom } from '../workroom.js'
 */
import { complianceErrorWords, complianceWords } from '../words/english-compliance.js';
import { learnErrorWords } from '../words/english-errors.js';
import { AuditPage } from './audit-page.js';
import { ChangePage } from './change-page.js';
import { ConsolePanel } from './console-panel.js';
import { HoldPage } from './hold-page.js';
import { HoldWizard } from './hold-wizard.js';
import { MatterPage } from './matter-page.js';
import { MattersPage } from './matters-page.js';
import { OpeningPage } from './opening-page.js';
import { OverviewPage } from './overview-page.js';
import { RetentionPage } from './retention-page.js';
import { RoomRecordPage } from './room-record-page.js';
import { RoomRecordsPage } from './room-records-page.js';
import { SimulationPage } from './simulation-page.js';

learnErrorWords(complianceErrorWords);

/** @param {Workroom} workroom */
export function sidePanel(workroom) {
  return new ConsolePanel(workroom);
}

/**
 * @param {Workroom} workroom
 * @param {string[]} path What the address names behind "#/compliance".
 * @returns {{title: string, page: HTMLElement}}
 */
export function pageFor(workroom, path) {
  const { places } = complianceWords;
  const [place, id = '', deed = '', about = ''] = path;
  const own = workroom.account.account_id;
  if (place === 'matters' && deed === 'place') return { title: places.matters, page: HoldWizard.forMatter(id, about) };
  if (place === 'matters' && id) return { title: places.matters, page: new MatterPage(id) };
  if (place === 'matters') return { title: places.matters, page: new MattersPage() };
  if (place === 'holds' && deed === 'widen') return { title: places.matters, page: HoldWizard.forHold(id) };
  if (place === 'holds' && id) return { title: places.matters, page: new HoldPage(id, own) };
  if (place === 'rooms' && deed === 'open') return { title: places.rooms, page: new OpeningPage(id) };
  if (place === 'rooms' && id) return { title: places.rooms, page: new RoomRecordPage(id) };
  if (place === 'rooms') return { title: places.rooms, page: new RoomRecordsPage() };
  if (place === 'retention' && id === 'simulations') return { title: places.retention, page: new SimulationPage(deed) };
  if (place === 'retention' && id) return { title: places.retention, page: new ChangePage(id, deed) };
  if (place === 'retention') return { title: places.retention, page: new RetentionPage() };
  if (place === 'audit') return { title: places.audit, page: new AuditPage(id) };
  return { title: places.overview, page: new OverviewPage(own) };
}
