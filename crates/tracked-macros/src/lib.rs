//! The attributes `#[tracked::test]` and `#[tracked::process::entry]`. Use them through `tracked`; what they expand to is
//! not meant to be written by hand.

mod process;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ItemFn, Lit, MetaNameValue};

/// A test that fails when anything is found at or above the tier `likely`, besides failing as any test does.
///
/// The test is a scope of its own: what it does, with the threads it starts through `tracked::thread`, is kept apart
/// from tests that run at the same time, and findings carry its name. `LOCKCHECK_FAIL_ON` sets another tier, or
/// `never`. A deadlock panics in the thread that closes it, so that the test fails instead of hanging, unless
/// `LOCKCHECK_ON_DEADLOCK` says otherwise.
///
/// `#[tracked::test(explore = 1000)]` runs the body under the controlled scheduler, a thousand times at the most, and
/// fails if anything goes wrong in any of the runs: see `tracked::explore`.
///
/// Other attributes (`#[should_panic]`, `#[ignore]`, ...) and a `Result` as the return type mean what they mean with
/// `#[test]`. A test that should panic and in which something is found fails by not panicking.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Marks a function as one that a process can be started with: its arguments and its result travel through serde, so
/// they are owned. References, generics and `async` are refused.
#[proc_macro_attribute]
pub fn process_entry(arguments: TokenStream, item: TokenStream) -> TokenStream {
    process::expand(arguments.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: Tokens, item: Tokens) -> syn::Result<Tokens> {
    let runs = if arguments.is_empty() { None } else { Some(runs(arguments)?) };
    let function: ItemFn = syn::parse2(item)?;
    refuse(&function)?;
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let name = sig.ident.to_string();
    let should_panic = attrs.iter().any(|attribute| attribute.path().is_ident("should_panic"));
    let output = &sig.output;
    // Errors in the body point to the body, and type inference of the closure is that of the function.
    let body = quote_spanned!(block.span() => (move || #output #block));
    if let Some(runs) = runs {
        return Ok(quote! {
            #[::core::prelude::v1::test]
            #(#attrs)*
            #vis #sig {
                ::tracked::__explore_test(
                    ::core::concat!(::core::module_path!(), "::", #name),
                    #runs,
                    #body,
                )
            }
        });
    }
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis #sig {
            ::tracked::__run_test(
                ::core::concat!(::core::module_path!(), "::", #name),
                #should_panic,
                #body,
            )
        }
    })
}

/// The number of `explore = 1000`.
fn runs(arguments: Tokens) -> syn::Result<u64> {
    let expected =
        "the only argument is `explore`, with the number of runs: `#[tracked::test(explore = 1000)]`";
    let span = arguments.span();
    let wrong = |_| Error::new(span, expected);
    let argument: MetaNameValue = syn::parse2(arguments).map_err(wrong)?;
    let Expr::Lit(ExprLit { lit: Lit::Int(runs), .. }) = &argument.value else {
        return Err(Error::new(argument.value.span(), expected));
    };
    if !argument.path.is_ident("explore") {
        return Err(Error::new(argument.path.span(), expected));
    }
    match runs.base10_parse()? {
        0 => Err(Error::new(runs.span(), "a test that is explored has one run at least")),
        runs => Ok(runs),
    }
}

/// Says why a function cannot be a test.
fn refuse(function: &ItemFn) -> syn::Result<()> {
    let sig = &function.sig;
    if let Some(asyncness) = &sig.asyncness {
        return Err(Error::new(
            asyncness.span(),
            "`#[tracked::test]` cannot run an async function: make it a plain one and call the runtime's `block_on`",
        ));
    }
    if let Some(argument) = sig.inputs.first() {
        return Err(Error::new(argument.span(), "a test takes no arguments"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(sig.generics.span(), "a test cannot be generic"));
    }
    if let Some(test) = function.attrs.iter().find(|attribute| attribute.path().is_ident("test")) {
        return Err(Error::new(test.span(), "`#[tracked::test]` makes it a test already: remove `#[test]`"));
    }
    Ok(())
}
