//! `#[tracked::process::entry]`: leaves the function as it is and registers, beside it, what decodes its arguments,
//! calls it and encodes its result.

use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Type};

pub(crate) fn expand(arguments: Tokens, item: Tokens) -> syn::Result<Tokens> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "an entry point takes no arguments in its attribute"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let types = types(&function)?;
    let name = &function.sig.ident;
    let values: Vec<_> = (0..types.len()).map(|number| format_ident!("argument_{number}")).collect();
    Ok(quote! {
        #function

        const _: () = {
            // Reports leave a function of this name out of stacks.
            fn __tracked_entry(
                arguments: ::tracked::process::__private::Arguments<'_>,
            ) -> ::core::result::Result<::std::vec::Vec<u8>, ::tracked::process::__private::Failed> {
                let (#(#values,)*): (#(#types,)*) = arguments.decode()?;
                ::tracked::process::__private::encode(&#name(#(#values),*))
            }
            ::tracked::process::__private::submit! {
                ::tracked::process::__private::Entry::new(|| ::core::any::type_name_of_val(&#name), __tracked_entry)
            }
        };
    })
}

/// The types of the arguments, if a process can be started with such a function.
fn types(function: &ItemFn) -> syn::Result<Vec<&Type>> {
    let sig = &function.sig;
    if let Some(asyncness) = &sig.asyncness {
        return Err(Error::new(
            asyncness.span(),
            "an entry point cannot be async: call the runtime's `block_on` in it",
        ));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(
            sig.generics.span(),
            "an entry point cannot be generic: a process has to find it by name",
        ));
    }
    if let syn::Safety::Unsafe(unsafety) = &sig.safety {
        return Err(Error::new(
            unsafety.span(),
            "an entry point cannot be unsafe: nobody could keep its promise",
        ));
    }
    sig.inputs
        .iter()
        .map(|argument| match argument {
            FnArg::Receiver(receiver) => Err(Error::new(
                receiver.span(),
                "an entry point is a free function: pass `self` as an argument",
            )),
            FnArg::Typed(argument) => match &*argument.ty {
                Type::Reference(reference) => Err(Error::new(
                    reference.span(),
                    "an entry point takes what it owns: its arguments come from another process",
                )),
                Type::ImplTrait(implied) => {
                    Err(Error::new(implied.span(), "an entry point takes arguments of known types"))
                }
                other => Ok(other),
            },
        })
        .collect()
}
