<?php
/** Installs WordPress into an empty server and prints the administrator's application password as JSON. */
$db = new mysqli( 'localhost', 'root', '', '', 0, getenv( 'WP_TEST_SOCKET' ) );
$db->query( 'CREATE DATABASE wordpress CHARACTER SET utf8mb4' );
$db->close();

define( 'WP_INSTALLING', true );
$_SERVER['HTTP_HOST']   = parse_url( getenv( 'WP_TEST_HOME' ), PHP_URL_HOST );
$_SERVER['REQUEST_URI'] = '/';
/** Mail to the new administrator: there is no mail here. */
function wp_new_blog_notification() {}
require getenv( 'WP_TEST_CORE' ) . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

wp_install( 'Sock Drawer', 'igny8', 'igny8@example.com', true, '', wp_generate_password( 24 ) );
$themes = array_keys( wp_get_themes() );
switch_theme( $themes[0] );
global $wp_rewrite;
$wp_rewrite->set_permalink_structure( '/%postname%/' );
$wp_rewrite->flush_rules( false );
list( $password ) = WP_Application_Passwords::create_new_application_password( 1, array( 'name' => 'igny8' ) );
echo wp_json_encode( array( 'user' => 'igny8', 'password' => $password, 'version' => get_bloginfo( 'version' ) ) );
