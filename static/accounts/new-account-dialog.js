/**
 * An admin makes an account: the person gets a link that works once, and chooses a password with it.
 */
import { request } from '../connection/http.js';
import { ask, showLink } from '../elements/dialogs.js';
import { choiceField, textField } from '../elements/fields.js';
import { words } from '../words/english.js';

const NEW_CUSTOMER = 'new';

/**
 * @param {[string, string][]} customers Id and name of those there are.
 * @param {() => void} onCreated
 */
export function askForAccount(customers, onCreated) {
  const kinds = /** @type {[string, string][]} */ (Object.entries(words.kinds));
  const kind = choiceField(words.people.kind, { name: 'kind' }, kinds, 'staff');
  const options = /** @type {[string, string][]} */ ([...customers, [NEW_CUSTOMER, words.people.newCustomer]]);
  const customer = choiceField(words.people.customer, { name: 'customer_id' }, options);
  const customerName = textField(words.people.customerName, { name: 'customer_name', maxlength: 200 });
  const fields = { kind, customer, customerName };
  for (const field of [kind, customer]) field.addEventListener('change', () => showWhatApplies(fields));
  showWhatApplies(fields);
  ask({
    title: words.people.create,
    lead: words.people.createLead,
    fields: [
      textField(words.people.name, { name: 'display_name', maxlength: 100, autocomplete: 'off' }),
      textField(words.people.email, { name: 'email', type: 'email', maxlength: 254, autocomplete: 'off' }),
      kind,
      customer,
      customerName,
    ],
    submit: words.people.submit,
    act: async (answers, dialog) => {
      const { account, link } = await request('POST', '/api/accounts', bodyFrom(answers));
      onCreated();
      showLink(dialog, words.people.linkReady(account.display_name), new URL(link, location.origin).href);
    },
  });
}

/** @param {Record<'kind'|'customer'|'customerName', HTMLElement>} fields */
function showWhatApplies({ kind, customer, customerName }) {
  const isCustomer = kind.querySelector('select')?.value === 'customer';
  const isNew = customer.querySelector('select')?.value === NEW_CUSTOMER;
  customer.hidden = !isCustomer;
  customerName.hidden = !isCustomer || !isNew;
  const name = customerName.querySelector('input');
  // A field nobody sees must not hold the form back.
  if (name) name.disabled = customerName.hidden;
}

/** @param {FormData} answers */
function bodyFrom(answers) {
  const kind = String(answers.get('kind'));
  const body = { kind, email: String(answers.get('email')), display_name: String(answers.get('display_name')) };
  if (kind !== 'customer') return body;
  const customerId = String(answers.get('customer_id'));
  if (customerId !== NEW_CUSTOMER) return { ...body, customer_id: customerId };
  return { ...body, customer_name: String(answers.get('customer_name')) };
}
