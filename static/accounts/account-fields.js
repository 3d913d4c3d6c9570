/**
 * The fields that pages about accounts share, with what password managers need to know.
 */
import { textField } from '../elements/fields.js';
import { words } from '../words/english.js';

export const emailField = () =>
  textField(words.signIn.email, { name: 'email', type: 'email', autocomplete: 'username', maxlength: 254 });

export const nameField = () =>
  textField(words.registration.name, { name: 'display_name', autocomplete: 'name', maxlength: 100 });

export const customerNameField = () =>
  textField(
    words.registration.customerName,
    { name: 'customer_name', autocomplete: 'organization', maxlength: 200 },
    words.registration.customerHint,
  );

export const passwordField = () =>
  textField(words.signIn.password, { name: 'password', type: 'password', autocomplete: 'current-password' });

export const newPasswordField = (label = words.signIn.password) =>
  textField(
    label,
    { name: 'password', type: 'password', autocomplete: 'new-password', minlength: 12 },
    words.registration.passwordHint,
  );
